package master

import (
	"context"
	"errors"
	"io"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// presetPrefix is where presets are in the key-value store.
const presetPrefix = "presets/"

// cleanupTime is how long undoing a failed submission may take.
const cleanupTime = 10 * time.Second

// createTries is how often a task's creation with an unknown outcome is
// repeated; it is the same request again, so that can't make two tasks.
const createTries = 4

// notFinishedRetry is the advice to who asks for a result too early.
const notFinishedRetry = time.Second

// Submit implements lab.Customers.
func (m *Master) Submit(ctx context.Context, s lab.Submission, body io.Reader) (string, error) {
	p, err := m.pipelineOf(ctx, s)
	if err != nil {
		return "", err
	}
	id := newID(time.Now())
	t := taskdb.Task{ID: id, Owner: s.Owner, Priority: s.Priority, Tags: s.Tags, Pipeline: p, Source: taskdb.Blob{Key: id}, Keep: m.Keep}
	if err := taskdb.CheckNew(t); err != nil {
		return "", translate(err)
	}
	read := watch(body)
	info, err := m.Storage.Put(ctx, storage.InProgress, id, read, storage.PutOptions{ContentType: s.ContentType, Size: s.Size})
	if err != nil {
		return "", err
	}
	if info.Size == 0 {
		m.discard(ctx, id)
		return "", lab.ErrEmpty
	}
	t.Source = taskdb.Blob{Key: id, Size: info.Size, SHA256: info.SHA256, ContentType: info.ContentType}
	return id, m.createInTime(ctx, t, read)
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

// pipelineOf is what the submission wants done.
func (m *Master) pipelineOf(ctx context.Context, s lab.Submission) (pipeline.Pipeline, error) {
	switch {
	case len(s.Pipeline) > 0:
		return s.Pipeline, nil
	case s.Preset == "":
		return pipeline.Default(), nil
	}
	e, err := m.Presets.Get(ctx, presetPrefix+s.Preset)
	switch {
	case errors.Is(err, kv.ErrNotFound) || errors.Is(err, kv.ErrKey):
		return nil, lab.ErrPreset.Detailf("there is no preset %q", s.Preset)
	case err != nil:
		return nil, err
	}
	return pipeline.Parse(string(e.Value))
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
	if t.State == taskdb.Failed && t.Error != nil {
		st.Error = &lab.Error{Code: t.Error.Code, Detail: t.Error.Detail}
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

// Result implements lab.Customers.
func (m *Master) Result(ctx context.Context, id string) (lab.Result, error) {
	t, err := m.find(ctx, id)
	if err != nil {
		return lab.Result{}, err
	}
	switch t.State {
	case taskdb.Finished:
		return m.result(t), nil
	case taskdb.Failed:
		return lab.Result{}, lab.ErrFailed.Detailf("%s", t.Error.Detail)
	case taskdb.Canceled:
		return lab.Result{}, lab.ErrCanceled
	}
	return lab.Result{}, lab.ErrNotFinished.Retry(notFinishedRetry)
}

func (m *Master) result(t taskdb.Task) lab.Result {
	out := t.Outputs[0]
	return lab.Result{
		ContentType: out.ContentType, Size: out.Size, SHA256: out.SHA256, Modified: t.FinishedAt,
		Open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			return m.open(ctx, out.Blob, storage.Part{Offset: offset, Length: length})
		},
	}
}

// open reads a result. The row says which bytes it has; what else the storage
// has under its key, or that it has nothing, is damage.
func (m *Master) open(ctx context.Context, b taskdb.Blob, part storage.Part) (io.ReadCloser, error) {
	o, err := m.Storage.Get(ctx, storage.Finished, b.Key, part)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, storage.ErrCorrupt.Detailf("the result's bytes are not in the storage any more").Because(err)
	case err != nil:
		return nil, err
	case o.SHA256 != b.SHA256:
		o.Body.Close()
		return nil, storage.ErrCorrupt.Detailf("the storage has other bytes than those of the result, and they are not served")
	}
	return o.Body, nil
}
