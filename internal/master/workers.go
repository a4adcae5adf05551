package master

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
	"minilab/internal/telemetry"
)

// Claim implements lab.Workers.
func (m *Master) Claim(ctx context.Context, r lab.ClaimRequest) ([]lab.Work, error) {
	claimed, err := m.DB.Claim(ctx, taskdb.ClaimRequest{
		Worker: r.Worker, Accepts: r.Accepts, Max: r.Max, Wait: r.Wait, Request: r.Request,
	})
	if err != nil {
		return nil, translate(err)
	}
	for _, c := range claimed {
		m.waited(ctx, c)
	}
	return m.handedOut(ctx, claimed), nil
}

// waited tells how long a task that was claimed has waited for that, by the one
// clock that has seen both.
func (m *Master) waited(ctx context.Context, c taskdb.Claimed) {
	m.Stages.Observe(telemetry.StageQueue, c.StartedAt.Sub(c.RunAt))
	m.Tracer.Past(ctx, c.Trace, telemetry.StageQueue, c.RunAt, c.StartedAt, attribute.String("minilab.task_id", c.ID))
}

func work(c taskdb.Claimed, base string) lab.Work {
	w := lab.Work{
		ID: c.ID, Owner: c.Owner, Lease: c.Lease,
		LeaseSeconds: c.Duration.Seconds(), DeadlineSeconds: c.Deadline.Seconds(),
		Pipeline: c.Pipeline, Trace: c.Trace,
		Source: lab.Source{
			Key: c.Source.Key, URL: imageURL(base, storage.InProgress, c.Source.Key),
			ContentType: c.Source.ContentType, Size: c.Source.Size, SHA256: c.Source.SHA256,
		},
	}
	for _, o := range c.Outputs {
		key := taskdb.ResultKey(c.Task, o.Name)
		w.Outputs = append(w.Outputs, lab.Target{
			Name: o.Name, Pipeline: o.Pipeline, Key: key, URL: imageURL(base, storage.Finished, key),
		})
	}
	return w
}

func imageURL(base string, state storage.State, key string) string {
	if base == "" {
		return ""
	}
	return base + "/images/" + string(state) + "/" + url.PathEscape(key)
}

// Heartbeat implements lab.Workers.
func (m *Master) Heartbeat(ctx context.Context, id, lease string, b lab.Beat) error {
	return single(m.DB.Heartbeat(ctx, []taskdb.Heartbeat{{ID: id, Lease: lease, Progress: b.Progress, Stage: b.Stage}}))
}

// Finish implements lab.Workers.
func (m *Master) Finish(ctx context.Context, id, lease string, r lab.Report) error {
	t, err := m.find(ctx, lab.Ref{ID: id})
	if err != nil {
		return lost(err)
	}
	outputs, err := m.checkOutputs(ctx, t, r.Outputs)
	if errors.Is(err, lab.ErrOutput) {
		return m.orLost(ctx, t, lease, err)
	}
	if err != nil {
		return err
	}
	err = single(m.DB.Finish(ctx, []taskdb.Finish{{ID: id, Lease: lease, Outputs: outputs, Facts: r.Facts}}))
	if err == nil && !t.State.Ended() { // else it was told before
		m.Stages.Observe(telemetry.StageTotal, time.Since(t.CreatedAt))
	}
	if errors.Is(err, lab.ErrSubmission) {
		err = lab.ErrOutput.Detailf("%s", fault.From(err).Detail).Because(err)
	}
	return err
}

// checkOutputs believes nothing: each output must lie in the storage under the
// key of this very attempt, as it was reported.
func (m *Master) checkOutputs(ctx context.Context, t taskdb.Task, reported []lab.Output) ([]taskdb.Output, error) {
	outputs := make([]taskdb.Output, len(reported))
	for i, o := range reported {
		wanted := slices.ContainsFunc(t.Outputs, func(w taskdb.Output) bool { return w.Name == o.Name })
		if !wanted || o.Key != taskdb.ResultKey(t, o.Name) {
			return nil, lab.ErrOutput.Detailf("the output %q is not one that the work named, under the key that it named", o.Name)
		}
		info, err := m.Storage.Stat(ctx, storage.Finished, o.Key)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			return nil, lab.ErrOutput.Detailf("the output %q is not in the storage", o.Name)
		case err != nil:
			return nil, err
		case info.Size != o.Size || !strings.EqualFold(info.SHA256, o.SHA256):
			return nil, lab.ErrOutput.Detailf("the output %q has %d bytes with the digest %s in the storage", o.Name, info.Size, info.SHA256)
		}
		outputs[i] = taskdb.Output{Name: o.Name, Blob: taskdb.Blob{
			Key: o.Key, Size: info.Size, SHA256: info.SHA256, ContentType: info.ContentType,
		}}
	}
	return outputs, nil
}

// orLost tells a late worker, whose outputs are those of an earlier attempt,
// that its lease is lost; who holds the lease is told what is wrong. A
// heartbeat with the progress that is known asks without changing anything but
// the lease's end, and who reports is alive.
func (m *Master) orLost(ctx context.Context, t taskdb.Task, lease string, wrong error) error {
	if err := m.Heartbeat(ctx, t.ID, lease, lab.Beat{Progress: t.Progress, Stage: t.Stage}); err != nil {
		return err
	}
	return wrong
}

// Fail implements lab.Workers.
func (m *Master) Fail(ctx context.Context, id, lease string, f lab.Failure) error {
	return single(m.DB.Fail(ctx, []taskdb.Failure{{
		ID: id, Lease: lease, Error: taskdb.Error(f.Error), Retry: f.Retry,
	}}))
}

// Release implements lab.Workers.
func (m *Master) Release(ctx context.Context, id, lease string) error {
	return single(m.DB.Release(ctx, []taskdb.Release{{ID: id, Lease: lease}}))
}

// single is the answer to a list of one report.
func single(errs []error, err error) error {
	if err == nil {
		err = errs[0]
	}
	return lost(translate(err))
}

// lost makes an unknown task a lost lease: to a worker it is the same.
func lost(err error) error {
	if errors.Is(err, lab.ErrNotFound) || errors.Is(err, taskdb.ErrID) {
		return lab.ErrLeaseLost.Because(err)
	}
	return err
}
