package filestorage

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// syncs is a dirSync whose fsyncs end as the test says.
type syncs struct {
	*dirSync
	started atomic.Int32
	finish  chan error
	got     chan error
}

func newSyncs() *syncs {
	s := &syncs{finish: make(chan error), got: make(chan error, 100)}
	s.dirSync = newDirSync(func() error {
		s.started.Add(1)
		return <-s.finish
	})
	return s
}

// wait has so many callers wait for what they do now.
func (s *syncs) wait(callers int) { s.waitFor(s.begun(), callers) }

func (s *syncs) waitFor(begun, callers int) {
	for range callers {
		go func() { s.got <- s.dirSync.wait(begun) }()
	}
	synctest.Wait()
}

func (s *syncs) gives(t *testing.T, callers int, want error) {
	t.Helper()
	synctest.Wait()
	if n := len(s.got); n != callers {
		t.Fatalf("%d have returned, want %d", n, callers)
	}
	for range callers {
		if err := <-s.got; !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func (s *syncs) were(t *testing.T, want int32) {
	t.Helper()
	if n := s.started.Load(); n != want {
		t.Fatalf("%d fsyncs were started, want %d", n, want)
	}
}

func TestConcurrentSyncsShareOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncs()
		s.wait(1)
		s.wait(50) // come while the first runs, which does not cover them
		s.were(t, 1)
		s.finish <- nil
		s.gives(t, 1, nil)
		s.were(t, 2)
		errSecond := errors.New("second")
		s.finish <- errSecond
		s.gives(t, 50, errSecond)
		s.were(t, 2)
	})
}

func TestAFailedSyncIsNotMadeUpForByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, errFirst := newSyncs(), errors.New("first")
		s.wait(1)
		s.wait(50) // what they renamed may have been written, and lost, by the first
		if err := s.doubt(); err != nil {
			t.Errorf("in doubt before the failure: %v", err)
		}
		s.finish <- errFirst
		s.gives(t, 51, errFirst)
		s.were(t, 1)
		if err := s.doubt(); !errors.Is(err, errFirst) {
			t.Errorf("in doubt after the failure: %v", err)
		}
		s.wait(1) // comes later, and has something new to be written
		s.finish <- nil
		s.gives(t, 1, nil)
		s.were(t, 2)
	})
}

// TestWhoeverRenamedBeforeAFailureIsTold although it comes to wait only later.
func TestWhoeverRenamedBeforeAFailureIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, errFirst := newSyncs(), errors.New("first")
		s.wait(1)
		begun := s.begun() // renames its file, and is not scheduled for a while
		s.finish <- errFirst
		s.gives(t, 1, errFirst)
		s.waitFor(begun, 1)
		s.gives(t, 1, errFirst)
		s.were(t, 1)
	})
}
