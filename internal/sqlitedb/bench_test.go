package sqlitedb_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"minilab/internal/sqlitedb"
)

// BenchmarkWrite compares group commit with one commit for each operation. It
// syncs the disk that TMPDIR is on: on a file system in memory it measures
// nothing.
func BenchmarkWrite(b *testing.B) {
	for _, group := range []int{1, 256} {
		for _, clients := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("group=%d/clients=%d", group, clients), func(b *testing.B) {
				benchmarkWrite(b, group, clients)
			})
		}
	}
}

func benchmarkWrite(b *testing.B, group, clients int) {
	db := open(b, filepath.Join(b.TempDir(), "bench.db"), sqlitedb.Group(group))
	value := make([]byte, 300)
	var id atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range clients {
		all.Go(func() {
			for n := id.Add(1); n <= int64(b.N); n = id.Add(1) {
				err := db.Write(b.Context(), func(tx *sqlitedb.Tx) error {
					_, err := tx.Exec(insert, n, value)
					return err
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}
