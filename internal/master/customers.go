package master

import (
	"context"
	"io"
	"slices"
	"time"

	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// cleanupTime is how long undoing a failed submission may take.
const cleanupTime = 10 * time.Second

// createTries is how often a task's creation with an unknown outcome is
// repeated; it is the same request again, so that can't make two tasks.
const createTries = 4

// notFinishedRetry is the advice to who asks for a result too early.
const notFinishedRetry = time.Second

// Submit implements lab.Customers.
func (m *Master) Submit(ctx context.Context, s lab.Submission, body io.Reader) (string, error) {
	t, err := m.wanted(ctx, s)
	if err != nil {
		return "", err
	}
	read := watch(body)
	info, err := m.Storage.Put(ctx, storage.InProgress, t.ID, read, storage.PutOptions{ContentType: s.ContentType, Size: s.Size})
	if err != nil {
		return "", err
	}
	if info.Size == 0 {
		m.discard(ctx, t.ID)
		return "", lab.ErrEmpty
	}
	t.Source = taskdb.Blob{Key: t.ID, Size: info.Size, SHA256: info.SHA256, ContentType: info.ContentType}
	return t.ID, m.createInTime(ctx, t, read)
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
	id := newID(time.Now())
	t := taskdb.Task{ID: id, Owner: s.Owner, Priority: s.Priority, Tags: s.Tags, Needs: needs, Pipeline: s.Pipeline, Source: taskdb.Blob{Key: id}, Keep: m.Keep}
	for _, o := range s.Outputs {
		t.Outputs = append(t.Outputs, taskdb.Output{Name: o.Name, Pipeline: o.Pipeline})
	}
	if err := translate(taskdb.CheckNew(t)); err != nil {
		return t, err
	}
	return t, m.checkReferences(ctx, t)
}

// create makes the task durable. Only a first answer that surely means no lets
// the bytes go: once an outcome is unknown they stay, for the task may exist,
// whatever a second answer says.
func (m *Master) create(ctx context.Context, t taskdb.Task) error {
	var err error
	for try := range createTries {
		if try > 0 && !sleep(ctx, time.Duration(try)*100*time.Millisecond) {
			break
		}
		if _, _, err = m.Tasks.Create(ctx, t); err == nil {
			return nil
		}
		if surelyRefused(err) {
			if try == 0 {
				m.discard(ctx, t.ID)
			}
			return translate(err)
		}
	}
	m.Log.WarnContext(ctx, "task may not have been created", "task_id", t.ID, "error", err)
	return translate(err)
}

func surelyRefused(err error) bool {
	k := fault.KindOf(err)
	return !k.Transient() || k == fault.TooMany || k == fault.NoSpace
}

func (m *Master) discard(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	if err := m.Storage.Delete(ctx, storage.InProgress, key); err != nil {
		m.Log.WarnContext(ctx, "bytes of a refused task stay behind", "task_id", key, "error", err)
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

// phases are the states in the words that customers are told.
var phases = map[taskdb.State]lab.Phase{
	taskdb.NotStarted: lab.InProgress,
	taskdb.InProgress: lab.InProgress,
	taskdb.Finished:   lab.Finished,
	taskdb.Failed:     lab.Failed,
	taskdb.Canceled:   lab.Canceled,
}

// Status implements lab.Customers.
func (m *Master) Status(ctx context.Context, id string, wait time.Duration) (lab.Status, error) {
	look := m.look
	if wait > 0 {
		look = func(ctx context.Context, id string) (taskdb.Task, error) {
			return m.waitForEnd(ctx, id, min(wait, lab.MaxWait))
		}
	}
	t, err := look(ctx, id)
	if err != nil {
		return lab.Status{}, err
	}
	st := lab.Status{ID: id, Phase: phases[t.State], Progress: t.Progress}
	switch {
	case t.State == taskdb.Failed && t.Error != nil:
		st.Error = &lab.Error{Code: t.Error.Code, Detail: t.Error.Detail}
	case t.State == taskdb.Finished:
		st.Outputs, st.Facts = made(t), t.Facts
	}
	return st, nil
}

// waitForEnd reads the task until it has ended or the time is over. Each reading
// comes after the waiting for it began, so an end in between is not missed.
func (m *Master) waitForEnd(ctx context.Context, id string, wait time.Duration) (taskdb.Task, error) {
	look, stop, ok := m.ends.wait(ctx, id)
	if !ok {
		return m.look(ctx, id)
	}
	defer stop()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		t, err := m.look(ctx, id)
		if err != nil || t.State.Ended() {
			return t, err
		}
		select {
		case <-look:
		case <-timer.C:
			return m.look(ctx, id)
		case <-ctx.Done():
			return t, context.Cause(ctx)
		}
	}
}
