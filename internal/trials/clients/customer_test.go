package clients

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"minilab/internal/trials"
)

// patience is how long an honest customer's whole job may take while a lab is
// under attack, on a machine that has much else to do. Alone it takes some 20 ms.
const patience = 30 * time.Second

// serve has an honest customer served again and again, at least once before the
// attack and once beside it, until the function that it gives is called.
func serve(t testing.TB, l *trials.Lab) (stop func()) {
	t.Helper()
	customer := trials.Customer{Base: l.URL("frontend"), HTTP: &http.Client{Transport: &http.Transport{}}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	jobs, worst := 0, time.Duration(0)
	first := make(chan struct{})
	once := sync.OnceFunc(func() { close(first) })
	var done sync.WaitGroup
	done.Go(func() {
		defer once()
		for jobs < 2 || ctx.Err() == nil {
			start := time.Now()
			if err := job(customer, uint8(jobs)); err != nil {
				t.Errorf("the honest customer's job %d: %v", jobs, err)
				return
			}
			jobs, worst = jobs+1, max(worst, time.Since(start))
			once()
			select {
			case <-time.After(20 * time.Millisecond): // it is a customer and no attack
			case <-ctx.Done():
			}
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		done.Wait()
		customer.HTTP.CloseIdleConnections()
		t.Logf("an honest customer had %d jobs done, in at most %v", jobs, worst.Round(time.Millisecond))
	})
	t.Cleanup(stop)
	<-first
	return stop
}

// job is one image from its upload to its result.
func job(c trials.Customer, seed uint8) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	image := trials.JPEG(64, 48, seed)
	id, err := c.Upload(ctx, image)
	if err != nil {
		return err
	}
	if _, err := c.Await(ctx, id); err != nil {
		return err
	}
	altered, err := c.Result(ctx, id)
	if err != nil {
		return err
	}
	return trials.Swapped(image, altered, 12)
}
