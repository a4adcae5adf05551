package master

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
	"minilab/internal/telemetry"
)

// cleanupTime is how long undoing a failed submission may take.
const cleanupTime = 10 * time.Second

// createTries is how often a task's creation with an unknown outcome is
// repeated; it is the same request again, so that can't make two tasks.
const createTries = 4

// notFinishedRetry is the advice to who asks for a result too early.
const notFinishedRetry = time.Second

// Submit implements lab.Customers.
func (m *Master) Submit(ctx context.Context, s lab.Submission, body io.Reader) (lab.Task, error) {
	t, err := m.wanted(ctx, s)
	if err != nil {
		return lab.Task{}, err
	}
	read := watch(body)
	info, err := m.Storage.Put(ctx, storage.InProgress, t.ID, read, storage.PutOptions{ContentType: s.ContentType, Size: s.Size})
	if err != nil {
		return lab.Task{}, err
	}
	if info.Size == 0 {
		m.discard(ctx, storage.InProgress, t.ID)
		return lab.Task{}, lab.ErrEmpty
	}
	t.Source = taskdb.Blob{Key: t.ID, Size: info.Size, SHA256: info.SHA256, ContentType: info.ContentType}
	if t.IdempotencyKey != "" {
		t.IdempotencyHash = requestHash(s, info.SHA256)
	}
	got, err := m.createInTime(ctx, m.reused(ctx, t, s.Fresh), read)
	if err != nil {
		return lab.Task{}, err
	}
	telemetry.Link(ctx, got.Trace) // of an earlier request that was the same
	return view(got), nil
}

// wanted is the task that a submission asks for, checked before a byte is read.
func (m *Master) wanted(ctx context.Context, s lab.Submission) (taskdb.Task, error) {
	if err := s.Check(m.Limits); err != nil {
		return taskdb.Task{}, err
	}
	s, name, err := m.withPreset(ctx, s)
	if err != nil {
		return taskdb.Task{}, err
	}
	s, needs, err := m.Operations.Resolve(ctx, s.Settle())
	if err != nil {
		return taskdb.Task{}, unusable(name, err)
	}
	if name != "" {
		s.Tags = append(slices.Clip(s.Tags), lab.PresetTag+name)
	}
	if s.Keep == 0 {
		s.Keep = m.Keep
	}
	id := newID(time.Now())
	t := taskdb.Task{
		ID: id, Owner: s.Owner, Priority: s.Priority, Tags: s.Tags, Needs: needs, Pipeline: s.Pipeline, Source: taskdb.Blob{Key: id},
		Keep: s.Keep, Callback: s.Callback, IdempotencyKey: s.IdempotencyKey, Trace: telemetry.Traceparent(ctx),
	}
	for _, o := range s.Outputs {
		t.Outputs = append(t.Outputs, taskdb.Output{Name: o.Name, Pipeline: o.Pipeline})
	}
	if err := translate(taskdb.CheckNew(t)); err != nil {
		return t, err
	}
	return t, m.checkReferences(ctx, t)
}

// create makes the task durable, or gives the one that is the same request.
// Only a first answer that surely means no lets the bytes go: once an outcome is
// unknown they stay, for the task may exist, whatever a second answer says.
func (m *Master) create(ctx context.Context, t taskdb.Task) (taskdb.Task, error) {
	var err error
	for try := range createTries {
		if try > 0 && !sleep(ctx, time.Duration(try)*100*time.Millisecond) {
			break
		}
		var got taskdb.Task
		if got, _, err = m.DB.Create(ctx, t); err == nil {
			if got.ID != t.ID {
				m.discardAll(ctx, t)
			}
			return got, nil
		}
		if surelyRefused(err) {
			if try == 0 {
				m.discardAll(ctx, t)
			}
			return t, translate(err)
		}
	}
	m.Log.WarnContext(ctx, "task may not have been created", "task_id", t.ID, "error", err)
	return t, translate(err)
}

func surelyRefused(err error) bool {
	k := fault.KindOf(err)
	return !k.Transient() || k == fault.TooMany || k == fault.NoSpace
}

// discardAll lets the bytes of a task go that is not there, or not any more.
func (m *Master) discardAll(ctx context.Context, t taskdb.Task) {
	m.discard(ctx, storage.InProgress, t.Source.Key)
	m.discardOutputs(ctx, t)
}

func (m *Master) discardOutputs(ctx context.Context, t taskdb.Task) {
	for _, o := range t.Outputs {
		if o.Key != "" {
			m.discard(ctx, storage.Finished, o.Key)
		}
	}
}

// discard lets bytes go. If it fails, the sweeper takes them.
func (m *Master) discard(ctx context.Context, state storage.State, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	if err := m.Storage.Delete(ctx, state, key); err != nil && !errors.Is(err, storage.ErrNotFound) {
		m.Log.WarnContext(ctx, "bytes without a task stay behind", "state", state, "key", key, "error", err)
	}
}

// sleep waits, or says false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Task implements lab.Customers.
func (m *Master) Task(ctx context.Context, ref lab.Ref, wait time.Duration) (lab.Task, error) {
	t, err := m.await(ctx, ref, min(wait, lab.MaxWait))
	if err != nil {
		return lab.Task{}, err
	}
	return view(t), nil
}

// await reads the task until it has ended or the time is over. Each reading comes
// after the waiting for it began, so an end in between is not missed.
func (m *Master) await(ctx context.Context, ref lab.Ref, wait time.Duration) (taskdb.Task, error) {
	if wait <= 0 {
		return m.look(ctx, ref)
	}
	look, stop, ok := m.ends.wait(ctx, ref.ID)
	if !ok {
		return m.look(ctx, ref)
	}
	defer stop()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		t, err := m.look(ctx, ref)
		if err != nil || t.State.Ended() {
			return t, err
		}
		select {
		case <-look:
		case <-timer.C:
			return m.look(ctx, ref)
		case <-ctx.Done():
			return t, context.Cause(ctx)
		}
	}
}
