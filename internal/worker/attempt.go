package worker

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"minilab/internal/engine"
	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/telemetry"
)

// reportTime bounds a report that is made after the attempt's own end.
const reportTime = 10 * time.Second

// Faults that are nobody's image's.
var (
	errSource   = fault.New(fault.Internal, "source-damaged", "the bytes that were handed in have been damaged in the storage; hand the image in again")
	errDeadline = fault.New(fault.Internal, "deadline-exceeded", "the attempt took longer than it may")
)

// damagedAttachment is errSource of an image to be laid over.
func damagedAttachment(at lab.Attachment) *fault.Fault {
	return errSource.Detailf("the bytes of the image %q to be laid over this one have been damaged in the storage", at.Name)
}

// engineError marks what the engine said of an image; everything else that goes
// wrong is the lab's own fault.
type engineError struct{ error }

// Unwrap gives what the engine said.
func (e engineError) Unwrap() error { return e.error }

// attempt is one try at one task.
type attempt struct {
	*Worker
	work     lab.Work
	progress progress
	log      *slog.Logger
}

// attempt does one task, for which a slot is reserved, and reports on it.
// Whatever happens, it ends with a report, or with a lease that is lost or will
// expire.
func (w *Worker) attempt(parent context.Context, work lab.Work) {
	claimed := time.Now()
	w.metrics.running.Inc()
	defer w.metrics.running.Dec()
	parent, span := w.Tracer.Continue(parent, work.Trace, "attempt", attribute.String("minilab.task_id", work.ID), attribute.String("minilab.worker", w.Name))
	deadline := time.Duration(work.DeadlineSeconds * float64(time.Second))
	ctx, cancelDeadline := context.WithTimeoutCause(parent, deadline, errDeadline)
	defer cancelDeadline()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &attempt{Worker: w, work: work, log: w.Log.With("task_id", work.ID)}
	held, letGo := context.WithCancel(telemetry.Apart(parent))
	defer letGo()
	go w.hold(held, work, &a.progress, claimed, cancel)

	err := a.perform(ctx)
	defer func() { telemetry.End(span, err) }()
	if err == nil {
		w.metrics.ended(outcomeFinished, nil)
		a.log.InfoContext(ctx, "work finished", "seconds", time.Since(claimed).Seconds())
		return
	}
	a.conclude(parent, err)
}

// perform does the task up to the report of its success. The slot is free as
// soon as the image is altered.
func (a *attempt) perform(ctx context.Context) error {
	result, err := a.produce(ctx)
	defer func() { result.Close() }() // there is nothing to close after an error
	if err == nil {
		err = acquire(ctx, a.storing)
	}
	a.free(1)
	if err != nil {
		return reason(ctx, err)
	}
	defer func() { <-a.storing }()
	report, err := a.store(ctx, result)
	if err != nil || ctx.Err() != nil {
		return reason(ctx, err)
	}
	return a.finish(ctx, report)
}

// reason is why ctx ended, if it did: what then went wrong follows from that.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// produce makes all the outputs, in memory, of one decoding.
func (a *attempt) produce(ctx context.Context) (engine.Result, error) {
	source, further, err := a.gather(ctx)
	if err != nil {
		return engine.Result{}, err
	}
	defer source.Close()
	defer further.close()
	job := engine.Job{Owner: a.work.Owner, Input: source, Attachments: further}
	for _, target := range a.work.Outputs {
		p := slices.Concat(a.work.Pipeline, target.Pipeline)
		if len(p) == 0 {
			return engine.Result{}, engineError{pipeline.ErrInvalid.Detailf("what is to be done cannot be read by this version of minilab; hand the image in again")}
		}
		job.Outputs = append(job.Outputs, p)
	}
	return a.alter(ctx, job)
}

// gather reads all the images that the work is about.
func (a *attempt) gather(ctx context.Context) (source *engine.Buffer, further attachments, err error) {
	a.progress.reach(fetching)
	ctx, stage := a.Stages.Begin(ctx, telemetry.StageFetch)
	defer func() { stage.End(err) }()
	if source, err = a.fetch(ctx); err != nil {
		return nil, nil, err
	}
	if further, err = a.attach(ctx); err != nil {
		source.Close()
		return nil, nil, err
	}
	return source, further, nil
}

// acquire takes a place, or gives the reason why ctx ended.
func acquire(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// fetch reads the source into a sealed buffer. The storage has compared the
// bytes with their digest, and its client once more; here it is compared with
// the task's.
func (a *attempt) fetch(ctx context.Context) (*engine.Buffer, error) {
	o, err := a.Storage.Get(ctx, storage.InProgress, a.work.Source.Key, storage.Part{})
	if errors.Is(err, storage.ErrCorrupt) {
		return nil, errSource.Because(err) // what befalls bytes on their way here shows later, and passes
	}
	if err != nil {
		return nil, err
	}
	defer o.Body.Close()
	if a.work.Source.SHA256 != "" && o.SHA256 != a.work.Source.SHA256 { // a task made by hand may not say it
		return nil, errSource
	}
	if m := storage.MemoryOf(o.Body); m != nil {
		return engine.Sealed(m)
	}
	return sealed("source", o.Size, o.Body)
}

// alter has the engine do the job as soon as it has a process free.
func (a *attempt) alter(ctx context.Context, j engine.Job) (engine.Result, error) {
	_, wait := a.Stages.Begin(ctx, telemetry.StageWait)
	err := acquire(ctx, a.altering)
	wait.End(err)
	if err != nil {
		return engine.Result{}, err
	}
	defer func() { <-a.altering }()
	a.progress.reach(altering)
	ctx, stage := a.Stages.Begin(ctx, telemetry.StageEngine)
	r, err := a.Engine.Run(ctx, j)
	stage.End(err)
	if err != nil {
		return engine.Result{}, engineError{err}
	}
	return r, nil
}

// store puts the results where the work wants them.
func (a *attempt) store(ctx context.Context, result engine.Result) (report lab.Report, err error) {
	a.progress.reach(storing)
	ctx, stage := a.Stages.Begin(ctx, telemetry.StageStore)
	defer func() { stage.End(err) }()
	for i, r := range result.Outputs {
		t := a.work.Outputs[i]
		info, err := a.Storage.Put(ctx, storage.Finished, t.Key, r.Reader(), storage.PutOptions{
			ContentType: r.ContentType, Size: r.Size(),
		})
		if err != nil {
			return lab.Report{}, err
		}
		report.Outputs = append(report.Outputs, lab.Output{
			Name: t.Name, Key: t.Key, Size: info.Size, SHA256: info.SHA256, ContentType: r.ContentType,
		})
	}
	report.Facts, err = json.Marshal(a.facts(result))
	return report, err
}

// facts are those of the source and, by their names, those of the outputs.
func (a *attempt) facts(result engine.Result) map[string]any {
	facts := maps.Clone(result.Facts)
	if a.work.Source.SHA256 != "" {
		facts["sha256"] = a.work.Source.SHA256
	}
	outputs := make([]map[string]any, len(result.Outputs))
	for i, r := range result.Outputs {
		outputs[i] = maps.Clone(r.Facts)
		outputs[i]["name"] = a.work.Outputs[i].Name
	}
	facts["outputs"] = outputs
	return facts
}

// finish reports success, again and again while the master cannot be reached:
// the work is done, only the lease's end makes it worthless. Neither a lost
// heartbeat nor a stopping worker cuts a report short, since it may have been
// heard and the answer to it is the one that counts. They do end its repeating.
func (a *attempt) finish(ctx context.Context, report lab.Report) error {
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		err := a.report(ctx, func(ctx context.Context) error {
			return a.Lab.Finish(ctx, a.work.ID, a.work.Lease, report)
		})
		if err == nil || !fault.KindOf(err).Transient() {
			return err
		}
		a.log.WarnContext(ctx, "finished work cannot be reported, trying on", "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return unheardError{err}
		}
	}
}

// unheardError is a report of success of which nobody knows whether it was heard.
type unheardError struct{ error }

// report makes a call that outlives the attempt, but not for long.
func (a *attempt) report(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTime)
	defer cancel()
	return call(ctx)
}

// sweep removes what the attempt has stored, which the master said is not and
// will not be published.
func (a *attempt) sweep(ctx context.Context) {
	for _, t := range a.work.Outputs {
		if err := a.Storage.Delete(ctx, storage.Finished, t.Key); err != nil {
			a.log.DebugContext(ctx, "bytes of a lost attempt stay behind", "key", t.Key, "error", err)
		}
	}
}
