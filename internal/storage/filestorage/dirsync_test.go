package filestorage

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestConcurrentSyncsShareOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int32
		finish := make(chan error)
		d := newDirSync(func() error {
			started.Add(1)
			return <-finish
		})
		errFirst, errSecond := errors.New("first"), errors.New("second")
		got := make(chan error, 100)
		wait := func() { got <- d.wait() }

		go wait()
		synctest.Wait()
		for range 50 {
			go wait() // come while the first runs, which does not cover them
		}
		synctest.Wait()
		if n := started.Load(); n != 1 {
			t.Fatalf("%d fsyncs run at once", n)
		}
		finish <- errFirst
		if err := <-got; !errors.Is(err, errFirst) {
			t.Errorf("the first gets %v", err)
		}
		synctest.Wait()
		if n := len(got); n != 0 || started.Load() != 2 {
			t.Fatalf("%d returned before an fsync that covers them ended; %d fsyncs were started", n, started.Load())
		}
		finish <- errSecond
		for range 50 {
			if err := <-got; !errors.Is(err, errSecond) {
				t.Errorf("a later one gets %v", err)
			}
		}
		if n := started.Load(); n != 2 {
			t.Errorf("%d fsyncs for 51 callers", n)
		}
	})
}
