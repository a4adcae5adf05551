package leases

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"minilab/internal/lab"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// worker works, more or less. What it does about a claim goes by its own
// clock, which may be an hour off.
type worker struct {
	actor
	name     string
	skew     time.Duration
	requests int
	attempts []*attempt
}

// attempt is a claim, and what the worker is going to do about it.
type attempt struct {
	work  job
	steps []step
	due   time.Time // by the worker's clock
	tries int
}

// step is one thing to do, after so long.
type step struct {
	after time.Duration
	do    func(ctx context.Context, w *worker, a *attempt)
	held  bool // the clock does not go on before the lease's half is over without it
}

// job is work as a worker is told of it.
type job struct {
	id, lease, key string
	token          int64
	lasts, rest    time.Duration // of the lease and of the attempt
	since          time.Time     // it was asked for
	bytes          string        // stored last
}

func newWorker(tr *trial, i int) *worker {
	return &worker{actor: tr.actor(), name: fmt.Sprint("w", i), skew: time.Duration(i%3-1) * time.Hour}
}

// own is the worker's clock.
func (w *worker) own() time.Time { return w.clock.time().Add(w.skew) }

func (w *worker) work(ctx context.Context) {
	for more := w.next(ctx); more; {
		i := slices.IndexFunc(w.attempts, func(a *attempt) bool { return !w.own().Before(a.due) })
		switch {
		case i >= 0:
			w.goOn(ctx, i)
		case len(w.attempts) > 12:
			more = w.tick() // there is enough to do, in time
			continue
		case w.IntN(6) == 0:
			w.claimOne(ctx, w.someID())
		default:
			w.claim(ctx, 1+w.IntN(3), w.IntN(5) == 0)
		}
		more = w.next(ctx)
	}
	for _, a := range w.attempts {
		w.h.careless(a.work.id, a.work.token)
		w.clock.free(a)
	}
	w.attempts = nil
}

// goOn does the next step of an attempt.
func (w *worker) goOn(ctx context.Context, i int) {
	a := w.attempts[i]
	s := a.steps[0]
	a.steps = a.steps[1:]
	s.do(ctx, w, a)
	if len(a.steps) == 0 {
		w.clock.free(a)
		w.attempts = slices.Delete(w.attempts, i, i+1)
		return
	}
	a.due = w.own().Add(a.steps[0].after)
}

// take begins an attempt with one of the habits.
func (w *worker) take(list []job) {
	for _, j := range list {
		if j.lasts <= 0 || j.rest <= 0 {
			w.h.complain("%s was given for %v, and %v in all", j.key, j.lasts, j.rest)
			continue
		}
		a := &attempt{work: j, steps: w.habit(j)}
		if len(a.steps) > 0 && a.steps[0].held {
			w.clock.hold(a, j.since.Add(leaseTime/2))
		}
		if len(a.steps) > 0 {
			a.due = w.own().Add(a.steps[0].after)
			w.attempts = append(w.attempts, a)
		}
	}
}

// claim asks for work; with leave its caller goes when the claim is committed,
// or is about to be, and may ask again. It says how much came of it.
func (w *worker) claim(ctx context.Context, n int, leave bool) int {
	w.requests++
	w.clock.hold(w, w.clock.time().Add(leaseTime/2)) // a claim takes no long time
	defer w.clock.free(w)
	r := lab.ClaimRequest{Worker: w.name, Max: n, Request: fmt.Sprint("r", w.requests)}
	if w.IntN(4) == 0 && !leave {
		r.Request = ""
	}
	if leave {
		going, cancel := context.WithCancel(ctx)
		if w.IntN(2) == 0 {
			w.clock.within(cancel)
		} else {
			w.door.expect(r.Worker, r.Request, cancel)
		}
		w.take(w.ask(going, r))
		cancel()
		if w.IntN(3) == 0 {
			return 0
		}
	}
	got := w.ask(ctx, r)
	if !leave && w.IntN(8) == 0 && r.Request != "" {
		got = w.ask(ctx, r) // the answer came, and the worker has forgotten
	}
	w.take(got)
	return len(got)
}

func (w *worker) ask(ctx context.Context, r lab.ClaimRequest) (jobs []job) {
	o := w.h.begin(op{kind: claim, client: w.client, worker: r.Worker, request: r.Request})
	began := w.clock.time()
	list, err := w.lab.Claim(ctx, r)
	for _, work := range list {
		j := jobOf(work)
		one := o
		one.id, one.token, one.lease = j.id, j.token, j.lease
		w.h.end(one, nil)
		j.since = began
		jobs = append(jobs, j)
	}
	if len(list) == 0 {
		w.h.end(o, err)
	}
	return jobs
}

func jobOf(work lab.Work) job {
	key := work.Outputs[0].Key
	token, _ := strconv.ParseInt(key[strings.LastIndexByte(key, '.')+1:], 10, 64)
	return job{id: work.ID, lease: work.Lease, key: key, token: token, lasts: seconds(work.LeaseSeconds), rest: seconds(work.DeadlineSeconds)}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// claimOne asks the task database for this very task.
func (w *worker) claimOne(ctx context.Context, id string) {
	w.requests++
	o := op{kind: claimID, id: id, worker: w.name}
	var got []job
	began := w.clock.time()
	_ = w.note(o, func(o *op) error {
		list, err := w.tasks.Claim(ctx, taskdb.ClaimRequest{Worker: w.name, ID: id})
		for _, c := range list {
			o.token, o.lease = c.Token, c.Lease
			got = append(got, job{id: c.ID, lease: c.Lease, key: name(c.ID, c.Token), token: c.Token, lasts: c.Duration, rest: c.Deadline, since: began})
		}
		return err
	})
	w.take(got)
}

// settle works well, except where luck is bad.
func (w *worker) settle(ctx context.Context, j job) {
	switch j.id[len(j.id)-1] {
	case '6':
		_ = w.fail(ctx, j, "storage-away", true)
	case '5':
		_ = w.fail(ctx, j, "decoder-crashed", true)
	default:
		if w.IntN(4) == 0 { // nobody has looked since
			w.clock.pass(leaseTime + time.Second)
		}
		j = w.store(ctx, j, "settled")
		_ = w.finish(ctx, j, j.result())
	}
}

// store writes the attempt's result.
func (w *worker) store(ctx context.Context, j job, text string) job {
	j.bytes = fmt.Sprintf("%s of %s by %s", text, j.key, w.name)
	_, err := w.images.Put(ctx, storage.Finished, j.key, strings.NewReader(j.bytes), storage.PutOptions{Size: int64(len(j.bytes)), ContentType: "image/png"})
	if err != nil && ctx.Err() == nil {
		w.h.complain("storing %s: %v", j.key, err)
	}
	return j
}

// result is an honest report.
func (j job) result() lab.Output {
	sum := sha256.Sum256([]byte(j.bytes))
	return lab.Output{Key: j.key, Size: int64(len(j.bytes)), SHA256: hex.EncodeToString(sum[:]), ContentType: "image/png"}
}

func fingerprint(key string, size int64, sum string) string {
	return fmt.Sprint(key, " ", size, " ", sum)
}

// The reports.

func (w *worker) finish(ctx context.Context, j job, outputs ...lab.Output) error {
	o := op{kind: finish, id: j.id, lease: j.lease, outputs: "none"}
	if len(outputs) == 1 && outputs[0].Name == "" {
		o.outputs = fingerprint(outputs[0].Key, outputs[0].Size, outputs[0].SHA256)
	}
	return w.note(o, func(*op) error { return w.lab.Finish(ctx, j.id, j.lease, lab.Report{Outputs: outputs}) })
}

// finishThere tells the task database itself, which believes the digest.
func (w *worker) finishThere(ctx context.Context, j job, out lab.Output) error {
	o := op{kind: finish, id: j.id, lease: j.lease, outputs: fingerprint(out.Key, out.Size, out.SHA256)}
	return w.note(o, func(*op) error {
		errs, err := w.tasks.Finish(ctx, []taskdb.Finish{{ID: j.id, Lease: j.lease, Outputs: []taskdb.Output{{Blob: blobOf(out)}}}})
		return errors.Join(append(errs, err)...)
	})
}

func blobOf(o lab.Output) taskdb.Blob {
	return taskdb.Blob{Key: o.Key, Size: o.Size, SHA256: o.SHA256, ContentType: o.ContentType}
}

func (w *worker) beat(ctx context.Context, j job) error {
	return w.note(op{kind: heartbeat, id: j.id, lease: j.lease}, func(*op) error {
		return w.lab.Heartbeat(ctx, j.id, j.lease, lab.Beat{Progress: w.Float64()})
	})
}

func (w *worker) fail(ctx context.Context, j job, code string, again bool) error {
	return w.note(op{kind: fail, id: j.id, lease: j.lease, code: code, again: again}, func(*op) error {
		return w.lab.Fail(ctx, j.id, j.lease, lab.Failure{Error: lab.Error{Code: code, Detail: "it failed"}, Retry: again})
	})
}

func (w *worker) release(ctx context.Context, j job) error {
	return w.note(op{kind: release, id: j.id, lease: j.lease}, func(*op) error { return w.lab.Release(ctx, j.id, j.lease) })
}
