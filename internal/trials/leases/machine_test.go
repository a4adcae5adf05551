package leases

import (
	"slices"

	"minilab/internal/taskdb"
)

// row is a task as the rules have it. Times are injected ones, in
// microseconds; where a call took longer than a moment they are between two.
type row struct {
	now     int64 // of the last change, at the earliest
	exists  bool
	owner   string
	state   taskdb.State
	token   int64 // goes on when the task is deleted
	lease   string
	worker  string
	request string
	outputs string

	failures, crashes, lost int

	runMin, runMax     int64
	untilMin, untilMax int64
	deadMin, deadMax   int64
}

// moment is when a change happened: between these two.
type moment struct{ min, max int64 }

// at is when the call can have had its effect; ok is false for never.
func (r row) at(o op) (moment, bool) {
	m := moment{max(r.now, o.from), o.to}
	return m, m.min <= m.max
}

func (r row) holds(lease string) bool { return r.exists && lease != "" && lease == r.lease }

func (r row) current(lease string) bool { return r.holds(lease) && r.state == taskdb.InProgress }

// next are the rows that a call may leave behind, given its answer; none when
// the rules do not permit that answer.
func (r row) next(o op) []row {
	m, ok := r.at(o)
	if !ok && o.kind != get {
		return nil
	}
	switch o.kind {
	case create:
		return r.create(o, m)
	case claim, claimID:
		return r.claim(o, m)
	case heartbeat:
		return r.report(o, m, r.beaten(m))
	case finish:
		return r.finish(o, m)
	case fail:
		return r.report(o, m, r.failed(o, m))
	case release:
		return r.report(o, m, r.idle(m, 0))
	case cancel:
		return r.cancel(o, m)
	case retry:
		return r.retry(o, m)
	case remove:
		return r.remove(o, m)
	case reap:
		return r.reap(m)
	case get:
		return r.get(o)
	}
	return nil
}

func when(ok bool, next ...row) []row {
	if ok {
		return next
	}
	return nil
}

func (r row) create(o op, m moment) []row {
	switch {
	case o.err == "exists":
		return when(r.exists && r.owner != o.owner, r)
	case o.err != "":
		return nil
	case !o.created:
		return when(r.exists && r.owner == o.owner, r)
	}
	born := row{now: m.min, exists: true, owner: o.owner, state: taskdb.NotStarted, token: r.token, runMin: m.min, runMax: m.max}
	if o.runAt > 0 {
		born.runMin, born.runMax = o.runAt, o.runAt
	}
	return when(!r.exists, born)
}

// claim is fresh, or gives a repeated request the same lease again.
func (r row) claim(o op, m moment) []row {
	switch o.err {
	case "not-found":
		return when(!r.exists, r)
	case "illegal-transition":
		return when(r.exists && (r.state != taskdb.NotStarted || m.min < r.runMax), r)
	case "":
	default:
		return nil
	}
	if r.current(o.lease) {
		return when(o.request != "" && r.worker == o.worker && r.request == o.request && r.token == o.token && m.min < r.deadMax, r.beaten(m))
	}
	t := r
	t.now, t.state, t.token, t.lease, t.worker, t.request = max(m.min, r.runMin), taskdb.InProgress, r.token+1, o.lease, o.worker, o.request
	t.deadMin, t.deadMax = m.min+deadline.Microseconds(), m.max+deadline.Microseconds()
	return when(r.exists && r.state == taskdb.NotStarted && m.max >= r.runMin && o.token == t.token, t.beaten(m))
}

// beaten is the row with its lease made good again.
func (r row) beaten(m moment) row {
	r.now = max(r.now, m.min)
	r.untilMin = min(m.min+leaseTime.Microseconds(), r.deadMin)
	r.untilMax = min(m.max+leaseTime.Microseconds(), r.deadMax)
	return r
}

// report is what any report comes to: done when the lease is the current one.
func (r row) report(o op, _ moment, done row) []row {
	switch o.err {
	case "":
		return when(r.current(o.lease), done)
	case "canceled":
		return when(r.holds(o.lease) && r.state == taskdb.Canceled, r)
	case "lease-lost":
		return when(!r.holds(o.lease) || r.state != taskdb.InProgress && r.state != taskdb.Canceled, r)
	}
	return nil
}

func (r row) finish(o op, m moment) []row {
	again := r.holds(o.lease) && r.state == taskdb.Finished && r.outputs == o.outputs
	switch {
	case o.err == "output-mismatch": // whose lease it is was asked by a heartbeat
		return when(r.current(o.lease), r, r.beaten(m))
	case again:
		return when(o.err == "", r)
	}
	done := r
	done.now, done.state, done.outputs = m.min, taskdb.Finished, o.outputs
	return r.report(o, m, done)
}

// idle is the row when it waits for a worker again, after a pause.
func (r row) idle(m moment, pause int64) row {
	r.now, r.state, r.lease, r.worker, r.request = m.min, taskdb.NotStarted, "", "", ""
	r.runMin, r.runMax = m.min+pause, m.max+pause
	return r
}

func (r row) failed(o op, m moment) row {
	t := taskdb.Task{Failures: r.failures, Crashes: r.crashes, Lost: r.lost}
	return r.judged(m, taskdb.Judge(t, taskdb.Failure{Error: taskdb.Error{Code: o.code}, Retry: o.again}))
}

func (r row) judged(m moment, v taskdb.Verdict) row {
	t := r.idle(m, backoff(v.Backoff).Microseconds())
	t.state, t.failures, t.crashes, t.lost = v.State, v.Failures, v.Crashes, v.Lost
	return t
}

func (r row) cancel(o op, m moment) []row {
	switch o.err {
	case "not-found":
		return when(!r.exists, r)
	case "illegal-transition":
		return when(r.exists && (r.state == taskdb.Finished || r.state == taskdb.Failed), r)
	case "":
	default:
		return nil
	}
	done := r
	done.now, done.state = m.min, taskdb.Canceled
	return when(r.exists && r.state != taskdb.Finished && r.state != taskdb.Failed && done.looksLike(o.seen), done)
}

func (r row) retry(o op, m moment) []row {
	over := r.state == taskdb.Failed || r.state == taskdb.Canceled
	switch o.err {
	case "not-found":
		return when(!r.exists, r)
	case "illegal-transition":
		return when(r.exists && !over, r)
	case "":
	default:
		return nil
	}
	done := r.idle(m, 0)
	done.failures, done.crashes, done.lost = 0, 0, 0
	return when(r.exists && over && done.looksLike(o.seen), done)
}

func (r row) remove(o op, m moment) []row {
	switch o.err {
	case "":
		return when(r.exists, row{now: m.min, token: r.token})
	case "not-found":
		return when(!r.exists, r)
	}
	return nil
}

// reap ends the attempt if its lease has expired by then.
func (r row) reap(m moment) (next []row) {
	if r.state != taskdb.InProgress || m.max <= r.untilMin {
		return []row{r}
	}
	m.min = max(m.min, r.untilMin)
	next = append(next, r.judged(m, taskdb.JudgeExpired(taskdb.Task{Failures: r.failures, Crashes: r.crashes, Lost: r.lost})))
	if m.min <= r.untilMax {
		next = append(next, r)
	}
	return next
}

func (r row) get(o op) []row {
	switch o.err {
	case "":
		return when(r.exists && r.looksLike(o.seen), r)
	case "not-found", "invalid-id":
		return when(!r.exists, r)
	}
	return nil
}

// looksLike compares with what was read.
func (r row) looksLike(t taskdb.Task) bool {
	same := t.State == r.state && t.Token == r.token && t.Owner == r.owner &&
		t.Failures == r.failures && t.Crashes == r.crashes && t.Lost == r.lost
	if r.state != taskdb.Finished {
		return same && t.Outputs[0].Key == ""
	}
	return same && fingerprint(t.Outputs[0].Key, t.Outputs[0].Size, t.Outputs[0].SHA256) == r.outputs
}

// unknowable says that what came of the call, for this task, cannot be told
// from its answer: it is lost, or it was about whoever has the key.
func unknowable(o op) bool { return o.err == gone || o.key != "" && !o.created }

// about are the calls on one task, in the order in which they began.
func (h *history) about(id string) []op {
	list := h.all(func(o op) bool { return o.kind == reap || o.id == id && !unknowable(o) })
	slices.SortFunc(list, func(a, b op) int { return int(a.call - b.call) })
	return list
}
