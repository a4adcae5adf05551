package taskdbtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"minilab/internal/taskdb"
)

var contextCases = []testCase{
	{name: "a call whose context has ended does nothing", run: ended},
	{name: "a claim whose caller leaves holds nothing", run: leaves},
}

func ended(s *suite) {
	c := s.started("a")
	s.create("b")
	s.bring("c", taskdb.Failed)
	list := s.all(taskdb.Filter{})
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	calls := map[string]func() error{
		"create":    func() error { _, _, err := s.Create(ctx, wanted("new")); return err },
		"get":       func() error { _, err := s.Get(ctx, "a"); return err },
		"list":      func() error { _, err := s.List(ctx, taskdb.Filter{}); return err },
		"cancel":    func() error { _, err := s.Cancel(ctx, "a"); return err },
		"retry":     func() error { _, err := s.Retry(ctx, "c"); return err },
		"delete":    func() error { _, err := s.Delete(ctx, "a"); return err },
		"withdraw":  func() error { _, err := s.Withdraw(ctx, "a"); return err },
		"stats":     func() error { _, err := s.Stats(ctx); return err },
		"claim":     func() error { _, err := s.Claim(ctx, taskdb.ClaimRequest{Worker: "w", Wait: time.Minute}); return err },
		"heartbeat": func() error { _, err := s.Heartbeat(ctx, []taskdb.Heartbeat{{ID: "a", Lease: c.Lease}}); return err },
		"finish":    func() error { _, err := s.Finish(ctx, []taskdb.Finish{result(c)}); return err },
		"fail":      func() error { _, err := s.Fail(ctx, []taskdb.Failure{{ID: "a", Lease: c.Lease}}); return err },
		"release":   func() error { _, err := s.Release(ctx, []taskdb.Release{{ID: "a", Lease: c.Lease}}); return err },
		"events":    func() error { _, err := s.Events(ctx, 0, 0, time.Minute); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			s.Errorf("%s: %v", name, err)
		}
	}
	after := s.all(taskdb.Filter{})
	if len(after) != len(list) {
		s.Fatalf("there are %d tasks, want %d", len(after), len(list))
	}
	for i := range list {
		s.same(after[i], list[i])
	}
}

// leaves cancels claims at every moment of theirs. Whatever they had leased is
// waiting again in the end, without a lease to expire.
func leaves(s *suite) {
	s.createMany("t", 3)
	for i := range 100 {
		ctx, cancel := context.WithTimeout(s.Context(), time.Duration(i)*20*time.Microsecond)
		list, err := s.Claim(ctx, taskdb.ClaimRequest{Worker: "w", Max: 3})
		cancel()
		for _, c := range list {
			s.ok(errors.Join(err, s.release(c.ID, c.Lease)))
		}
	}
	s.reapLost()
	got := s.untilReady(3)
	slices.Sort(got)
	if strings.Join(got, " ") != "t-00000 t-00001 t-00002" {
		s.Errorf("in the end there are %q", got)
	}
}

// reapLost has leases expire that nobody knows of.
func (s *suite) reapLost() {
	s.Helper()
	if s.opts.Lossy {
		s.clock.Advance(2 * s.cfg.Lease)
		_, err := s.Reap(s.Context())
		s.ok(err)
	}
}

// untilReady claims until it holds n tasks: a release behind a caller's back
// may come a little later.
func (s *suite) untilReady(n int) (got []string) {
	s.Helper()
	for len(got) < n {
		list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "last", Max: n - len(got), Wait: patience})
		s.ok(err)
		if len(list) == 0 {
			s.Fatalf("only %q came back", got)
		}
		got = append(got, claimedIDs(list)...)
	}
	return got
}
