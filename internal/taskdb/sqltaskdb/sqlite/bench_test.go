package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// BenchmarkCycle creates, claims and finishes tasks, each by itself, from many
// clients at once; every answer is on the disk. It reports cycles a second.
func BenchmarkCycle(b *testing.B) {
	for _, c := range []struct{ clients, rows, waiting, owners int }{
		{1, 0, 0, 1}, {64, 0, 0, 1}, {64, 0, 0, 5000}, {64, 1_000_000, 0, 1}, {64, 500_000, 500_000, 5000},
	} {
		b.Run(fmt.Sprintf("clients=%d/ended=%d/waiting=%d/owners=%d", c.clients, c.rows, c.waiting, c.owners), func(b *testing.B) {
			s := filled(b, c.rows, c.waiting, c.owners)
			var turn atomic.Int64
			b.ResetTimer()
			before := cpu()
			var wg sync.WaitGroup
			for range c.clients {
				wg.Go(func() {
					for i := turn.Add(1); i <= int64(b.N); i = turn.Add(1) {
						cycle(b, s, fmt.Sprint("o", i%int64(c.owners)))
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "cycles/s")
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/cycle")
		})
	}
}

// BenchmarkPlaces asks for the places of many of those who wait. It reports
// microseconds for each of them.
func BenchmarkPlaces(b *testing.B) {
	for _, c := range []struct{ waiting, owners, asked int }{
		{1000, 1, 1}, {100_000, 1, 1000}, {100_000, 5000, 1}, {100_000, 5000, 1000},
	} {
		b.Run(fmt.Sprintf("waiting=%d/owners=%d/asked=%d", c.waiting, c.owners, c.asked), func(b *testing.B) {
			s := filled(b, 0, c.waiting, c.owners)
			ids := make([]string, c.asked)
			for i := range ids {
				ids[i] = fmt.Sprintf("00000000-0000-7000-8000-%012d", (i+1)*c.waiting/c.asked-1)
			}
			for b.Loop() {
				list, err := s.Places(b.Context(), ids)
				if err != nil || list[c.asked-1].Ahead < min(c.waiting-1, taskdb.MaxAhead) {
					b.Fatal(list[c.asked-1], err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*c.asked), "µs/place")
		})
	}
}

// cpu is what the process has used so far. On a machine that others use too it
// says more than the clock.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func cycle(b *testing.B, s taskdb.Store, owner string) {
	ctx := b.Context()
	id := uuid.Must(uuid.NewV7()).String()
	_, _, err := s.Create(ctx, taskdb.Task{ID: id, Owner: owner, Fingerprint: id, Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: "inProgress/" + id, Size: 1 << 20,
		SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", ContentType: "image/jpeg"}})
	if err != nil {
		b.Error(err)
		return
	}
	list, err := s.Claim(ctx, taskdb.ClaimRequest{Worker: "w"})
	if err != nil || len(list) != 1 {
		b.Error(err, len(list))
		return
	}
	c := list[0]
	errs, err := s.Finish(ctx, []taskdb.Finish{{ID: c.ID, Lease: c.Lease, Outputs: []taskdb.Output{{Blob: taskdb.Blob{
		Key: "finished/" + id, Size: 1 << 20, SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", ContentType: "image/jpeg"}}}}})
	if err != nil || errs[0] != nil {
		b.Error(err, errs)
	}
}

// filled opens a database with many ended and waiting tasks in it.
func filled(b testing.TB, ended, waiting, owners int) *sqltaskdb.Store {
	b.Helper()
	d, err := openDB(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	s := sqltaskdb.New(b.Context(), d, sqltaskdb.Options{MaxWaiting: 10_000_000, Log: slog.New(slog.DiscardHandler)})
	b.Cleanup(func() { s.Close() })
	for at := 0; at < ended+waiting; at += 10_000 {
		state, ready := "finished", 0
		if at >= ended {
			state, ready = "not-started", 1
		}
		err := d.Write(context.Background(), func(tx sqltaskdb.Tx) error {
			_, err := tx.Exec(fill, at, at+9_999, owners, state, ready)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// fill inserts many tasks like those of cycle, without their JSON differing.
const fill = `WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
	INSERT INTO tasks SELECT printf('00000000-0000-7000-8000-%012d', i), 'o' || (i % ?3), ?4, 0, '[]', 'image', '[{"op":"swap"}]',
		'[{"name":"","key":"finished/01890a5d-ac96-774b-bcce-b302099a8057","size":1048576,"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","contentType":"image/jpeg"}]',
		'inProgress/01890a5d-ac96-774b-bcce-b302099a8057', 1048576, '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 'image/jpeg',
		'', '', '', 0, '', '', 0, 0, 0, 0, '', '', i, 0, i, i, 0, i, 0, ?5, '', 0, 0, '', '', '', 0, '' FROM n`
