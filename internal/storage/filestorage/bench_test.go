package filestorage_test

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
)

// BenchmarkPut measures durable puts: of small images, whose number the fsyncs
// bound, by so many callers at once, and of large ones.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{10 << 10, 64 << 20} {
		for _, callers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%dKiB/%d", size>>10, callers), func(b *testing.B) {
				s := open(b, b.TempDir(), filestorage.Options{})
				data := bytes.Repeat([]byte("x"), size)
				b.SetBytes(int64(size))
				b.SetParallelism(callers)
				var n atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						key := fmt.Sprint(n.Add(1) % 1000)
						_, err := s.Put(b.Context(), storage.Finished, key, bytes.NewReader(data), storage.PutOptions{Size: int64(size)})
						if err != nil {
							b.Error(err)
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
			})
		}
	}
}
