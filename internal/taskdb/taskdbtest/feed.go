package taskdbtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"minilab/internal/taskdb"
)

var feedCases = []testCase{
	{name: "every change is in the feed, in order", run: life},
	{name: "an event says why an attempt failed, and only then", run: eventErrors, with: backoff(0)},
	{name: "the feed is read in parts", run: feedParts},
	{name: "a waiting reader wakes for the first event", run: feedWakes},
	{name: "a reader waits no longer than it was asked to", run: feedTimesOut},
	{name: "a waiting reader ends with its context", run: feedCanceled},
	{name: "no smaller seq appears while many write", run: commitOrder},
	{name: "events that are no longer kept are said to be gone", run: compaction, with: func(c *Config) { c.KeepEvents, c.KeepFor = 10, time.Hour }},
	{name: "young events are kept, however many", run: youngEvents, with: func(c *Config) { c.KeepEvents, c.KeepFor = 1, time.Hour }},
}

func (s *suite) events(after int64) []taskdb.Event {
	s.Helper()
	list, err := s.Events(s.Context(), after, 0, 0)
	s.ok(err)
	return list
}

func (s *suite) lastSeq() int64 {
	s.Helper()
	stats, err := s.Stats(s.Context())
	s.ok(err)
	return stats.LastSeq
}

// told is the feed in short: id, states and token.
func told(list []taskdb.Event) []string {
	return ids(list, func(e taskdb.Event) string {
		return fmt.Sprintf("%s %s>%s %d", e.ID, e.From, e.State, e.Token)
	})
}

func life(s *suite) {
	if list := s.events(0); list == nil || len(list) != 0 || s.lastSeq() != 0 {
		s.Fatalf("a new feed has %v", list)
	}
	before := s.clock.Now().Add(-time.Second)
	c := s.started("a", of("ann", 0))
	s.ok(s.beat("a", c.Lease, 0.5))
	s.ok(s.beat("a", c.Lease, 0.5)) // no event: nothing has changed
	s.expire(1)
	c = s.claimOne("a")
	s.ok(s.release("a", c.Lease))
	_, err := s.Cancel(s.Context(), "a")
	s.ok(err)
	_, err = s.Retry(s.Context(), "a")
	s.ok(err)
	c = s.claimOne("a")
	s.ok(s.finish(result(c)))
	s.ok(s.finish(result(c))) // nor this
	s.ok(s.remove("a"))
	list := s.events(0)
	want := []string{
		"a >not-started 0", "a not-started>in-progress 1", "a in-progress>in-progress 1", "a in-progress>not-started 1", "a not-started>in-progress 2",
		"a in-progress>not-started 2", "a not-started>canceled 2", "a canceled>not-started 2", "a not-started>in-progress 3",
		"a in-progress>finished 3", "a finished>finished 3",
	}
	if got := told(list); !slices.Equal(got, want) {
		s.Fatalf("the feed is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i, e := range list {
		if e.Owner != "ann" || e.Deleted != (i == len(list)-1) || e.Time.Before(before) || e.Time.After(s.clock.Now()) {
			s.Errorf("event %d: %+v", i, e)
		}
		if i > 0 && (e.Seq <= list[i-1].Seq || !s.opts.Gaps && e.Seq != list[i-1].Seq+1 || e.Time.Before(list[i-1].Time)) {
			s.Errorf("seq %d at %v after %d", e.Seq, e.Time, list[i-1].Seq)
		}
	}
	if got := s.lastSeq(); got != list[len(list)-1].Seq {
		s.Errorf("the last seq is %d", got)
	}
}

func eventErrors(s *suite) {
	s.create("a")
	step := func(want string) {
		s.Helper()
		list := s.events(0)
		e, got := list[len(list)-1], ""
		if e.Error != nil {
			got = e.Error.Code
		}
		if got != want || e.State == taskdb.InProgress {
			s.Errorf("%s>%s tells of %q, want %q", e.From, e.State, got, want)
		}
	}
	for range 2 { // the same error again is told again
		s.ok(s.fail("a", s.claimOne("a").Lease, "passing", true))
		step("passing")
	}
	s.ok(s.release("a", s.claimOne("a").Lease))
	step("")
	s.claimOne("a")
	s.expire(1)
	step("lease-expired")
	s.ok(s.fail("a", s.claimOne("a").Lease, "bad", false))
	step("bad")
	_, err := s.Retry(s.Context(), "a")
	s.ok(err)
	step("")
	s.ok(s.fail("a", s.claimOne("a").Lease, "bad", true))
	_, err = s.Cancel(s.Context(), "a")
	s.ok(err)
	step("")
}

func feedParts(s *suite) {
	s.createAtOnce("t", taskdb.MaxPage+5)
	whole := s.events(0)
	if len(whole) != taskdb.MaxPage {
		s.Fatalf("%d events at a time", len(whole))
	}
	var got []taskdb.Event
	for after := int64(0); ; after = got[len(got)-1].Seq {
		list, err := s.Events(s.Context(), after, 300, 0)
		s.ok(err)
		if len(list) == 0 {
			break
		}
		got = append(got, list...)
	}
	if len(got) != taskdb.MaxPage+5 || !slices.Equal(told(got)[:taskdb.MaxPage], told(whole)) {
		s.Errorf("in parts there are %d", len(got))
	}
	for _, limit := range []int{-1, taskdb.MaxPage + 1} {
		if list, err := s.Events(s.Context(), -5, limit, -time.Second); err != nil || len(list) != taskdb.MaxPage {
			s.Errorf("limit %d gives %d, %v", limit, len(list), err)
		}
	}
}

// tail reads in the background.
func (s *suite) tail(ctx context.Context, after int64) <-chan answerEvents {
	done := make(chan answerEvents, 1)
	go func() {
		list, err := s.Events(ctx, after, 0, taskdb.MaxWait)
		done <- answerEvents{list, err}
	}()
	return done
}

type answerEvents struct {
	list []taskdb.Event
	err  error
}

func feedWakes(s *suite) {
	for i := range 5 {
		readers := []<-chan answerEvents{s.tail(s.Context(), s.lastSeq()), s.tail(s.Context(), s.lastSeq())}
		s.settle()
		id := fmt.Sprint("t-", i)
		s.create(id)
		for _, done := range readers {
			select {
			case a := <-done:
				s.ok(a.err)
				if len(a.list) != 1 || a.list[0].ID != id {
					s.Fatalf("woke with %v", told(a.list))
				}
			case <-time.After(patience):
				s.Fatal("was not woken")
			}
		}
	}
}

func feedTimesOut(s *suite) {
	start := time.Now()
	list, err := s.Events(s.Context(), 0, 0, 50*time.Millisecond)
	s.ok(err)
	if d := time.Since(start); len(list) != 0 || d < 50*time.Millisecond || d > patience {
		s.Errorf("got %v after %v", told(list), d)
	}
}

func feedCanceled(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	done := s.tail(ctx, 0)
	s.settle()
	cancel()
	select {
	case a := <-done:
		if !errors.Is(a.err, context.Canceled) {
			s.Errorf("ended with %v", a.err)
		}
	case <-time.After(patience):
		s.Fatal("waits on")
	}
}

// commitOrder reads to the end of the feed while many write, and compares
// with the whole read afterwards: what was passed over would be missing.
func commitOrder(s *suite) {
	const writers, each = 8, 25
	var wg sync.WaitGroup
	wg.Go(func() {
		together(writers, func(w int) {
			for i := range each {
				t := wanted(fmt.Sprintf("t-%d-%d", w, i))
				if _, _, err := s.Create(s.Context(), t); err != nil {
					s.Error(err)
				}
				if i%3 == 0 {
					if err := s.remove(t.ID); err != nil {
						s.Error(err)
					}
				}
			}
		})
	})
	want := writers * (each + (each+2)/3)
	var got []taskdb.Event
	for len(got) < want {
		after := int64(0)
		if len(got) > 0 {
			after = got[len(got)-1].Seq
		}
		list, err := s.Events(s.Context(), after, 7, patience)
		s.ok(err)
		if len(list) == 0 {
			s.Fatalf("the feed ended after %d of %d events", len(got), want)
		}
		got = append(got, list...)
	}
	wg.Wait()
	if whole := s.events(0); !slices.Equal(told(whole), told(got)) {
		s.Errorf("read while written there were %d events, afterwards %d", len(got), len(whole))
	}
}

func compaction(s *suite) {
	s.createMany("t", 30)
	last := s.lastSeq()
	s.clock.Advance(2 * time.Hour)
	s.ok(s.Trim(s.Context()))
	_, err := s.Events(s.Context(), 0, 0, 0)
	s.is(err, taskdb.ErrCompacted)
	_, err = s.Events(s.Context(), last-11, 0, time.Minute)
	s.is(err, taskdb.ErrCompacted)
	if got := s.events(last - 10); len(got) != 10 {
		s.Errorf("%d events are kept", len(got))
	}
	s.clock.Advance(2 * time.Hour)
	s.ok(s.Trim(s.Context()))
	s.create("one-more")
	if got := s.events(last); len(got) != 1 || got[0].Seq <= last {
		s.Errorf("the feed goes on with %v", got)
	}
}

func youngEvents(s *suite) {
	s.createMany("old", 20)
	border := s.lastSeq()
	s.clock.Advance(2 * time.Hour)
	s.createMany("young", 20)
	last := s.lastSeq()
	s.ok(s.Trim(s.Context()))
	if got := s.events(border); len(got) != 20 {
		s.Errorf("%d events are kept", len(got))
	}
	_, err := s.Events(s.Context(), border-1, 0, 0)
	s.is(err, taskdb.ErrCompacted)
	s.clock.Advance(2 * time.Hour)
	s.ok(s.Trim(s.Context()))
	if got := s.events(last - 1); len(got) != 1 || s.lastSeq() != last {
		s.Errorf("of old events the last %d are kept", len(got))
	}
}
