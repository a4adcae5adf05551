package sweeper

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/master"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

var (
	raceSeed = flag.Uint64("seed", 1, "of TestRaces")
	raceTime = flag.Duration("races", 5*time.Second, "how long TestRaces goes on")
)

// The times of the race are short, so that many attempts and sweeps meet.
const (
	raceGrace = 400 * time.Millisecond
	raceLease = 300 * time.Millisecond
	raceKeep  = 200 * time.Millisecond
)

// race is a lab whose people, workers and sweepers all do as they please.
type race struct {
	*fixture
	masters [2]*master.Master // the second one's tasks are kept for raceKeep only

	mu      sync.Mutex
	told    []string        // IDs that were answered
	expires map[string]bool // of the second master
	deleted map[string]bool // by people
	seen    map[string]int  // what has happened, by kind
}

// TestRaces looks all the time whether what a row points to is there, and in
// the end whether anything else is.
func TestRaces(t *testing.T) {
	f := open(t, sqltaskdb.Options{Lease: raceLease})
	f.happens()
	f.sweep()
	r := &race{fixture: f, expires: map[string]bool{}, deleted: map[string]bool{}, seen: map[string]int{}}
	for i := range r.masters {
		r.masters[i] = master.New(master.Config{
			DB: tasksWith{f.tasks, r.unsure(*raceSeed)}, Storage: f.images, Presets: master.NewPresets(f.kv), StorageURL: func() string { return "" },
			Keep: time.Duration(i) * raceKeep, SubmitTime: SubmitTime(raceGrace), Log: slog.New(slog.DiscardHandler),
		})
		t.Cleanup(r.masters[i].Close)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for i, act := range []func(context.Context, *rand.Rand){
		r.submit, r.submit, r.work, r.work, r.work, r.meddle, r.litter, r.check, r.check, r.sweepOn, r.sweepOn,
	} {
		wg.Go(func() {
			for rnd := rand.New(rand.NewPCG(*raceSeed, uint64(i))); ctx.Err() == nil; {
				act(ctx, rnd)
			}
		})
	}
	sleep(ctx, *raceTime)
	eventually(t, "everything has happened", r.everything)
	cancel()
	wg.Wait()
	r.drain()
	r.last()
	if t.Failed() {
		t.Logf("seed %d", *raceSeed)
	}
	t.Log(r.seen)
}

func (r *race) everything() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kind := range []string{
		"submit", "finish", "late", "long", "swept images", "swept tasks", "cancel", "retry", "delete", "checked", "unsure", "too late",
	} {
		if r.seen[kind] == 0 {
			return false
		}
	}
	return true
}

func (r *race) note(kind string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[kind] += n
}

// unsure loses answers of the task database to the masters' creations, and
// creations, and makes some come later than the bytes may be swept.
func (r *race) unsure(seed uint64) meddle {
	rnd := rand.New(rand.NewPCG(seed, 1000))
	var mu sync.Mutex
	return func(ctx context.Context, call string, made bool) error {
		if call != "tasks create" {
			return nil
		}
		mu.Lock()
		n := rnd.IntN(16)
		mu.Unlock()
		switch {
		case n < 2:
			r.note("unsure", 1)
			return fault.ErrUnavailable
		case n == 2 && !made:
			r.note("too late", 1)
			sleep(ctx, 5*raceGrace)
		}
		return nil
	}
}

// any is one of the IDs that were answered.
func (r *race) any(rnd *rand.Rand) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.told) == 0 {
		return "none"
	}
	return r.told[rnd.IntN(len(r.told))]
}

func (r *race) submit(ctx context.Context, rnd *rand.Rand) {
	which := rnd.IntN(2)
	body := strings.Repeat("x", 1+rnd.IntN(2000))
	task, err := r.masters[which].Submit(ctx, lab.Submission{Fresh: true, Size: int64(len(body))}, strings.NewReader(body))
	if err == nil {
		r.note("submit", 1)
		r.mu.Lock()
		r.told, r.expires[task.ID] = append(r.told, task.ID), which == 1
		r.mu.Unlock()
	}
	sleep(ctx, time.Duration(rnd.IntN(40))*time.Millisecond)
}

func (r *race) work(ctx context.Context, rnd *rand.Rand) {
	m := r.masters[0]
	list, err := m.Claim(ctx, lab.ClaimRequest{Worker: "w", Max: 1, Wait: 50 * time.Millisecond})
	if err != nil || len(list) == 0 {
		return
	}
	w := list[0]
	if rnd.IntN(10) == 0 {
		return // dead before it has stored anything
	}
	report, err := r.store(ctx, w)
	if err != nil {
		return
	}
	switch rnd.IntN(8) {
	case 0:
		_ = m.Release(ctx, w.ID, w.Lease)
	case 1:
		_ = m.Fail(ctx, w.ID, w.Lease, lab.Failure{Error: lab.Error{Code: "x"}, Retry: rnd.IntN(2) == 0})
	case 2: // it is not heard of for longer than the lease
		sleep(ctx, raceLease+time.Duration(rnd.IntN(300))*time.Millisecond)
		r.note("late", 1)
		r.finish(ctx, w, report)
	case 3: // its bytes become older than the grace while it works
		for range 12 {
			sleep(ctx, raceGrace/8)
			if m.Heartbeat(ctx, w.ID, w.Lease, lab.Beat{Progress: 0.5}) != nil {
				return
			}
		}
		r.note("long", 1)
		r.finish(ctx, w, report)
	default:
		r.finish(ctx, w, report)
	}
}

func (r *race) store(ctx context.Context, w lab.Work) (report lab.Report, err error) {
	for _, o := range w.Outputs {
		i, err := r.images.Put(ctx, storage.Finished, o.Key, strings.NewReader(o.Key), storage.PutOptions{Size: int64(len(o.Key))})
		if err != nil {
			return report, err
		}
		report.Outputs = append(report.Outputs, lab.Output{Name: o.Name, Key: o.Key, Size: i.Size, SHA256: i.SHA256})
	}
	return report, nil
}

// finish is told of missing bytes only when they were swept too early.
func (r *race) finish(ctx context.Context, w lab.Work, report lab.Report) {
	err := r.masters[0].Finish(ctx, w.ID, w.Lease, report)
	if errors.Is(err, lab.ErrOutput) {
		r.Errorf("seed %d: the bytes of an attempt under way are gone: %v", *raceSeed, err)
	}
	if err == nil {
		r.note("finish", 1)
	}
}

// meddle is people who change their minds.
func (r *race) meddle(ctx context.Context, rnd *rand.Rand) {
	id := r.any(rnd)
	switch rnd.IntN(4) {
	case 0, 1:
		if _, err := r.tasks.Cancel(ctx, id); err == nil {
			r.note("cancel", 1)
		}
	case 2:
		if _, err := r.tasks.Retry(ctx, id); err == nil {
			r.note("retry", 1)
		}
	case 3:
		r.mu.Lock()
		r.deleted[id] = true
		r.mu.Unlock()
		if _, err := r.tasks.Delete(ctx, id); err == nil {
			r.note("delete", 1)
		}
	}
	sleep(ctx, time.Duration(rnd.IntN(50))*time.Millisecond)
}

// litter leaves bytes that belong to nobody.
func (r *race) litter(ctx context.Context, rnd *rand.Rand) {
	state, key := storage.InProgress, fmt.Sprintf("stray-%d", rnd.IntN(50))
	if rnd.IntN(2) == 0 {
		state, key = storage.Finished, fmt.Sprintf("%s.%d", r.any(rnd), 1000+rnd.IntN(10))
	}
	_, _ = r.images.Put(ctx, state, key, strings.NewReader("x"), storage.PutOptions{Size: 1})
	sleep(ctx, time.Duration(rnd.IntN(30))*time.Millisecond)
}

func (r *race) sweepOn(ctx context.Context, _ *rand.Rand) {
	s := r.sweeper()
	s.Grace, s.exact = raceGrace, 0
	swept, err := s.Sweep(ctx)
	if err != nil && !errors.Is(err, errBusy) && ctx.Err() == nil {
		r.Errorf("seed %d: %v", *raceSeed, err)
	}
	r.note("swept images", swept.Images)
	r.note("swept tasks", swept.Tasks)
	sleep(ctx, 5*time.Millisecond)
}

// check looks at one task: it is there, and so is what it points to.
func (r *race) check(ctx context.Context, rnd *rand.Rand) {
	if id := r.any(rnd); id != "none" {
		r.checkOne(ctx, id)
	}
	sleep(ctx, time.Duration(rnd.IntN(3))*time.Millisecond)
}

func (r *race) checkOne(ctx context.Context, id string) {
	t, err := r.tasks.Get(ctx, id)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		r.mayBeGone(id, err)
		return
	}
	for state, blob := range pointers(t) {
		if blob.Size == 0 {
			continue // of the attempt in progress: finish looks at it
		}
		i, err := r.images.Stat(ctx, state, blob.Key)
		if err == nil && i.SHA256 != blob.SHA256 {
			r.Errorf("seed %d: %s/%s is something else", *raceSeed, state, blob.Key)
		}
		if !errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if again, err := r.tasks.Get(ctx, id); err == nil && pointsTo(again, state, blob.Key) {
			r.Errorf("seed %d: %s/%s is gone, and a task that is %s points to it", *raceSeed, state, blob.Key, again.State)
		}
	}
	r.note("checked", 1)
}

func (r *race) mayBeGone(id string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.deleted[id] && !r.expires[id] {
		r.Errorf("seed %d: task %s: %v", *raceSeed, id, err)
	}
}

// drain finishes what is left to be done.
func (r *race) drain() {
	eventually(r, "all tasks have ended", func() bool {
		list, err := r.masters[0].Claim(r.Context(), lab.ClaimRequest{Worker: "w", Max: 10})
		r.ok(err)
		for _, w := range list {
			report, err := r.store(r.Context(), w)
			r.ok(err)
			r.finish(r.Context(), w, report)
		}
		stats, err := r.tasks.Stats(r.Context())
		r.ok(err)
		return stats.Counts[taskdb.NotStarted]+stats.Counts[taskdb.InProgress] == 0
	})
}

// last wants every task that was answered for, with all its bytes, and in the
// end nothing else.
func (r *race) last() {
	for _, id := range r.told {
		r.checkOne(r.Context(), id)
	}
	eventually(r, "nothing is left over", func() bool {
		r.sweepOn(r.Context(), nil)
		for _, name := range r.keys() {
			state, key, _ := strings.Cut(name, "/")
			if !r.belongs(storage.State(state), key) {
				return false
			}
		}
		return true
	})
}

func (r *race) belongs(state storage.State, key string) bool {
	page, err := r.tasks.List(r.Context(), taskdb.Filter{})
	r.ok(err)
	for _, t := range page.Tasks {
		id, token, _ := taskdb.ParseResultKey(key)
		toCome := state == storage.Finished && id == t.ID && token > t.Token && t.State != taskdb.Finished
		if pointsTo(t, state, key) || toCome {
			return true
		}
	}
	return false
}
