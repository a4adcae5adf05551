package sqlitekv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/kv/sqlitekv"
)

// first is the next event of a watch.
func first(t *testing.T, s kv.Store, prefix string, after int64) kv.Event {
	t.Helper()
	for e, err := range s.Watch(t.Context(), prefix, after) {
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	return kv.Event{}
}

func put(t *testing.T, s kv.Store, key, value string, ttl time.Duration) kv.Entry {
	t.Helper()
	e, _, err := s.Put(t.Context(), key, []byte(value), kv.PutOptions{TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestKeysExpireInTurnAndOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := create(t)
		begun := time.Now()
		lives := []time.Duration{kv.MaxTTL, 90 * time.Second, kv.MinTTL, time.Hour}
		var last kv.Entry
		for _, ttl := range lives {
			last = put(t, s, ttl.String(), "", ttl)
		}
		after := last.Revision
		for _, ttl := range []time.Duration{kv.MinTTL, 90 * time.Second, time.Hour, kv.MaxTTL} {
			e := first(t, s, "", after)
			if e.Key != ttl.String() || !e.Deleted {
				t.Errorf("event %+v, want the end of %v", e, ttl)
			}
			if passed := time.Since(begun); passed < ttl || passed > ttl+time.Second {
				t.Errorf("%v ended after %v", ttl, passed)
			}
			after = e.Revision
		}
	})
}

func TestARestartStartsEveryTTLAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := create(t)
		e := put(t, s, "a", "", time.Hour)
		time.Sleep(59 * time.Minute) // of the bubble's clock
		s = reopen(t, s)
		begun := time.Now()
		first(t, s, "", e.Revision)
		if passed := time.Since(begun); passed < time.Hour || passed > time.Hour+time.Second {
			t.Errorf("the key ended %v after the restart", passed)
		}
	})
}

func TestManyKeysExpireTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := create(t)
		var last kv.Entry
		for i := range 500 {
			last = put(t, s, fmt.Sprint(i), "", time.Minute)
		}
		ended := 0
		for e, err := range s.Watch(t.Context(), "", last.Revision) {
			if err != nil || !e.Deleted {
				t.Fatalf("%+v, %v", e, err)
			}
			if ended++; ended == 500 {
				break
			}
		}
	})
}

func TestCloseEndsWatches(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "kv.db"))
	e := put(t, s, "a", "", 0)
	watching := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		for got, err := range s.Watch(t.Context(), "", e.Revision-1) {
			if err != nil {
				ended <- err
			} else if got.Key == "a" {
				close(watching)
			}
		}
	}()
	<-watching
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("the watch ended with %v", err)
	}
	if _, _, err := s.Put(t.Context(), "a", nil, kv.PutOptions{}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("put after close: %v", err)
	}
}

func TestTheLogOfChangesIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kv.db")
	s := open(t, path)
	value := string(bytes.Repeat([]byte("v"), kv.MaxValue))
	for range 40 {
		put(t, s, "large", value, 0)
	}
	wantOldest(t, s, 40-16) // 16 MiB of them
	wantOldest(t, reopen(t, s), 40-16)
}

// wantOldest checks that about n changes have been dropped.
func wantOldest(t *testing.T, s kv.Store, n int64) {
	t.Helper()
	if e := first(t, s, "", 0); e.Revision < n || e.Revision > n+3 {
		t.Errorf("the oldest change kept is %d, want about %d", e.Revision, n)
	}
}

func TestChangesThatAreDroppedLeaveTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kv.db")
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: path, Events: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		put(t, s, "a", fmt.Sprint(i), 0)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	e := first(t, open(t, path), "", 0) // which would keep more
	if e.Revision < 900 {
		t.Errorf("the file still has change %d", e.Revision)
	}
}

func TestAWatcherThatFallsBehindIsTold(t *testing.T) {
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(t.TempDir(), "kv.db"), Events: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put(t, s, "a", "", 0)
	var ended error
	told := 0
	for _, err := range s.Watch(t.Context(), "", 0) {
		if ended = err; err != nil {
			break
		}
		if told++; told == 10 {
			break
		}
		for range 20 {
			put(t, s, "a", "", 0)
		}
	}
	if !errors.Is(ended, kv.ErrCompacted) {
		t.Errorf("ended with %v", ended)
	}
}

func BenchmarkPut(b *testing.B) {
	s, err := sqlitekv.Open(context.Background(), sqlitekv.Config{Path: filepath.Join(b.TempDir(), "kv.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := s.Put(b.Context(), "a", []byte("value"), kv.PutOptions{}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	s, err := sqlitekv.Open(context.Background(), sqlitekv.Config{Path: filepath.Join(b.TempDir(), "kv.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Put(b.Context(), "a", []byte("value"), kv.PutOptions{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Get(b.Context(), "a"); err != nil {
			b.Fatal(err)
		}
	}
}
