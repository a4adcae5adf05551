package leases

import (
	"context"
	"sync"
	"time"

	"minilab/internal/lab"
)

// habit is what the worker is going to do about a job. Some tasks have bad
// luck with every worker, so that they come to the end of their counters.
func (w *worker) habit(j job) []step {
	switch j.id[len(j.id)-1] {
	case '7':
		return nil // the worker crashes: nothing is heard of it any more
	case '6':
		return []step{{do: failing("storage-away", true)}}
	case '5':
		return []step{{do: failing("decoder-crashed", true)}}
	}
	habits := []func(j job) []step{
		w.diligent, w.diligent, w.diligent, w.quick, w.late, w.late, w.late, w.superseded, w.twice, w.atOnce, w.differently, w.rubbish, w.rubbish,
		w.endless, w.failed, w.released, crashed,
	}
	return habits[w.IntN(len(habits))](j)
}

func crashed(job) []step { return nil }

func (w *worker) quick(job) []step { return []step{{do: store}, {do: report}} }

// diligent beats in time by its own clock, and never loses its lease to time.
func (w *worker) diligent(j job) []step {
	if j.rest < deadline {
		return w.quick(j) // a repeated request, who knows when
	}
	steps := []step{{do: keepTime, held: true}}
	for range 3 + w.IntN(3) {
		steps = append(steps, step{after: j.lasts / 3, do: beatInTime})
	}
	return append(steps, step{do: store}, step{do: report})
}

// late comes back after the lease's end, before or after the reaper.
func (w *worker) late(j job) []step {
	after := j.lasts + time.Duration(w.Int64N(int64(j.lasts/6)))
	if w.IntN(2) == 0 {
		return []step{{after: after, do: beat}, {do: store}, {do: report}}
	}
	return []step{{do: store}, {after: after, do: report}}
}

// superseded comes back when others have had the task.
func (w *worker) superseded(j job) []step {
	return []step{{do: store}, {after: 4 * j.lasts, do: beat}, {do: report}, {do: failing("late", true)}, {do: giveBack}}
}

func (w *worker) twice(j job) []step {
	return []step{{do: store}, {do: report}, {do: report}, {after: j.lasts, do: report}, {do: giveBack}}
}

func (w *worker) atOnce(job) []step {
	return []step{{do: store}, {do: func(ctx context.Context, w *worker, a *attempt) {
		var both sync.WaitGroup
		for range 2 {
			twin := *w
			twin.actor = w.trial.actor()
			both.Go(func() { report(ctx, &twin, a) })
		}
		both.Wait()
	}}}
}

// differently reports a second result under the same lease.
func (w *worker) differently(j job) []step {
	return []step{{do: store}, {do: func(ctx context.Context, w *worker, a *attempt) {
		if w.finish(ctx, a.work, a.work.result()) != nil {
			return // what would be told now could be the first that is believed
		}
		other := a.work
		other.bytes = "something else"
		_ = w.finish(ctx, a.work, other.result())
		_ = w.finishThere(ctx, a.work, other.result())
	}}, {after: j.lasts / 2, do: report}}
}

func (w *worker) rubbish(j job) []step {
	return []step{{do: store}, {do: talkRubbish}, {after: j.lasts / 3, do: talkRubbish}, {do: report}, {do: talkRubbish}}
}

// endless lives, and gets nowhere.
func (w *worker) endless(j job) []step { return []step{{after: j.lasts / 4, do: beatForEver}} }

func (w *worker) failed(job) []step {
	codes := []string{"storage-away", "decoder-crashed", "decoder-timeout", "not-an-image"}
	return []step{{do: failing(codes[w.IntN(len(codes))], w.IntN(3) > 0)}, {do: store}, {do: report}, {do: failing("again", true)}}
}

func (w *worker) released(job) []step {
	return []step{{do: giveBack}, {do: giveBack}, {do: store}, {do: report}}
}

// The steps.

func store(ctx context.Context, w *worker, a *attempt) { a.work = w.store(ctx, a.work, "result") }

func report(ctx context.Context, w *worker, a *attempt) {
	if w.IntN(3) == 0 {
		_ = w.finishThere(ctx, a.work, a.work.result())
		return
	}
	_ = w.finish(ctx, a.work, a.work.result())
}

func giveBack(ctx context.Context, w *worker, a *attempt) { _ = w.release(ctx, a.work) }

func beat(ctx context.Context, w *worker, a *attempt) { _ = w.beat(ctx, a.work) }

func failing(code string, again bool) func(context.Context, *worker, *attempt) {
	return func(ctx context.Context, w *worker, a *attempt) { _ = w.fail(ctx, a.work, code, again) }
}

// keepTime begins to be diligent: the clock does not go past what a worker in
// time does.
func keepTime(ctx context.Context, w *worker, a *attempt) {
	until := a.work.since.Add(leaseTime / 2)
	w.clock.hold(a, until)
	if w.beat(ctx, a.work) == nil && !w.clock.time().After(until) {
		w.h.diligent(a.work.id, a.work.token)
		return
	}
	a.steps = nil // too late already
}

func beatInTime(ctx context.Context, w *worker, a *attempt) {
	if w.beat(ctx, a.work) != nil {
		a.steps = nil
		return
	}
	w.clock.hold(a, w.clock.time().Add(a.work.lasts/2))
}

func beatForEver(ctx context.Context, w *worker, a *attempt) {
	if a.tries++; a.tries > 50 {
		w.h.complain("%s lives on without an end", a.work.key)
	} else if w.beat(ctx, a.work) == nil {
		a.steps = []step{{after: a.work.lasts / 4, do: beatForEver}}
	}
}

// talkRubbish reports what nobody can have meant.
func talkRubbish(ctx context.Context, w *worker, a *attempt) {
	good, j := a.work.result(), a.work
	wrongSize, wrongSum, wrongName := good, good, good
	wrongSize.Size++
	wrongSum.SHA256 = "5e"
	wrongName.Name = "no such output"
	others := good
	others.Key = "t-00.1"
	k := j
	k.lease = []string{"", "1.x", "nonsense", j.lease + "x", "\x00"}[w.IntN(5)]
	_ = w.finish(ctx, k, good)
	_ = w.beat(ctx, k)
	_ = w.finish(ctx, j, [][]lab.Output{{wrongSize}, {wrongSum}, {wrongName}, {others}, nil, {good, good}}[w.IntN(6)]...)
	k = j
	k.id = []string{"NO ID", "nobody", w.someID(), w.someID()}[w.IntN(4)]
	_ = w.fail(ctx, k, "x", true)
	_ = w.finish(ctx, k, good)
}
