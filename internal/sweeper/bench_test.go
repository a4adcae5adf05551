package sweeper

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// BenchmarkSweep sweeps a lab in which everything has a row: n images, half of
// them results. The time is with the rests, "work" is without.
func BenchmarkSweep(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := open(b, sqltaskdb.Options{})
			f.sweep()
			f.finished(n / 2)
			b.ResetTimer()
			for b.Loop() {
				if swept := f.sweep(); swept.Images != 0 {
					b.Fatalf("swept %+v", swept)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/sweep")
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/(1+restShare), "work-s/sweep")
		})
	}
}

// finished makes tasks with their images, many at once.
func (f *fixture) finished(n int) {
	f.Helper()
	const makers = 64
	var wg sync.WaitGroup
	for i := range makers {
		wg.Go(func() {
			for ; i < n; i += makers {
				f.finishedOne(fmt.Sprintf("0198c0de-7a11-7000-8000-%012d", i))
			}
		})
	}
	wg.Wait()
}

func (f *fixture) finishedOne(id string) {
	for state, key := range map[storage.State]string{before: id, after: id + ".1"} {
		if _, err := f.images.Put(f.Context(), state, key, strings.NewReader(key), storage.PutOptions{Size: int64(len(key))}); err != nil {
			f.Error(err)
		}
	}
	_, _, err := f.tasks.Create(f.Context(), taskdb.Task{ID: id, Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: id, Size: 36}})
	if err != nil {
		f.Error(err)
	}
	list, err := f.tasks.Claim(f.Context(), taskdb.ClaimRequest{Worker: "w", ID: id})
	if err != nil || len(list) != 1 {
		f.Error(err)
		return
	}
	r := result(list[0])
	r.Facts = []byte(`{"width":4000,"height":3000,"format":"jpeg","seconds":0.123}`)
	if errs, err := f.tasks.Finish(f.Context(), []taskdb.Finish{r}); err != nil || errs[0] != nil {
		f.Error(err, errs)
	}
}
