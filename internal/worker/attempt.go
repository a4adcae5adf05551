package worker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"minilab/internal/engine"
	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/storage"
)

// reportTime bounds a report that is made after the attempt's own end.
const reportTime = 10 * time.Second

// errSource says that the bytes read are not those that the customer sent.
var errSource = fault.New(fault.Internal, "source-damaged", "the image's bytes in the storage are damaged")

// attempt does one task, for which a slot is reserved, and reports on it.
// Whatever happens, it ends with a report, or with a lease that is lost or will
// expire.
func (w *Worker) attempt(parent context.Context, work lab.Work) {
	claimed := time.Now()
	ctx, lose := context.WithCancelCause(parent)
	defer lose(nil)
	go w.hold(ctx, work, claimed, lose)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(work.DeadlineSeconds*float64(time.Second)))
	defer cancel()
	log := w.Log.With("task_id", work.ID)

	err := w.perform(ctx, work)
	if err == nil {
		log.Info("work finished", "seconds", time.Since(claimed).Seconds())
		return
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	w.conclude(parent, work, err, log)
}

// perform does the task up to the report of its success. The slot is free as
// soon as the image is altered.
func (w *Worker) perform(ctx context.Context, work lab.Work) error {
	results, err := w.produce(ctx, work)
	defer closeAll(results)
	if err == nil {
		err = acquire(ctx, w.storing)
	}
	w.free(1)
	if err != nil {
		return err
	}
	defer func() { <-w.storing }()
	report, err := w.store(ctx, work, results)
	if err != nil {
		return err
	}
	return w.finish(ctx, work, report)
}

// produce makes all the outputs, in memory.
func (w *Worker) produce(ctx context.Context, work lab.Work) (results []engine.Result, err error) {
	source, err := w.fetch(ctx, work)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	for _, target := range work.Outputs {
		r, err := w.alter(ctx, engine.Job{
			Owner: work.Owner, Pipeline: slices.Concat(work.Pipeline, target.Pipeline), Input: source,
		})
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}

func closeAll(results []engine.Result) {
	for _, r := range results {
		r.Output.Close()
	}
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

// fetch reads the source into a sealed buffer. The storage's client has
// compared the bytes with their digest; here it is compared with the task's.
func (w *Worker) fetch(ctx context.Context, work lab.Work) (*engine.Buffer, error) {
	o, err := w.Storage.Get(ctx, storage.InProgress, work.Source.Key, storage.Part{})
	if err != nil {
		return nil, err
	}
	defer o.Body.Close()
	if work.Source.SHA256 != "" && o.SHA256 != work.Source.SHA256 { // a task made by hand may not say it
		return nil, errSource
	}
	b, err := engine.NewBuffer("source", max(o.Size, 1))
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(b, o.Body); err == nil {
		err = b.Seal()
	}
	if err != nil {
		_ = b.Close() // memory only; the copy's error is the one to tell
		return nil, err
	}
	return b, nil
}

// alter has the engine do the job as soon as it has a process free.
func (w *Worker) alter(ctx context.Context, j engine.Job) (engine.Result, error) {
	if err := acquire(ctx, w.altering); err != nil {
		return engine.Result{}, err
	}
	defer func() { <-w.altering }()
	return w.Engine.Run(ctx, j)
}

// store puts the results where the work wants them.
func (w *Worker) store(ctx context.Context, work lab.Work, results []engine.Result) (lab.Report, error) {
	var report lab.Report
	for i, r := range results {
		t := work.Outputs[i]
		info, err := w.Storage.Put(ctx, storage.Finished, t.Key, r.Output.Reader(), storage.PutOptions{
			ContentType: r.ContentType, Size: r.Output.Size(),
		})
		if err != nil {
			return lab.Report{}, err
		}
		report.Outputs = append(report.Outputs, lab.Output{
			Name: t.Name, Key: t.Key, Size: info.Size, SHA256: info.SHA256, ContentType: r.ContentType,
		})
		if report.Facts, err = json.Marshal(r.Facts); err != nil {
			return lab.Report{}, err
		}
	}
	return report, nil
}

// finish reports success, again and again while the master cannot be reached:
// the work is done, only the lease's end makes it worthless.
func (w *Worker) finish(ctx context.Context, work lab.Work, report lab.Report) error {
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		err := w.Lab.Finish(ctx, work.ID, work.Lease, report)
		if err == nil || !fault.KindOf(err).Transient() || ctx.Err() != nil {
			return err
		}
		w.Log.WarnContext(ctx, "finished work cannot be reported, trying on", "task_id", work.ID, "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// conclude tells the master how an attempt that did not succeed has ended.
func (w *Worker) conclude(parent context.Context, work lab.Work, err error, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), reportTime)
	defer cancel()
	var told error
	switch {
	case lost(err):
		log.Info("lease lost", "reason", err)
		w.sweep(ctx, work, log)
	case errors.Is(err, errLeaseSpent):
		log.Warn("lease expires, work is left to others", "reason", err)
		w.trouble.report()
	case errors.Is(err, errStopping):
		told = w.Lab.Release(ctx, work.ID, work.Lease)
	case away(err):
		log.Warn("work given back: a part of the lab is away", "error", err)
		w.trouble.report()
		told = w.Lab.Release(ctx, work.ID, work.Lease)
	default:
		f := failure(err)
		log.Info("work failed", "code", f.Code, "retry", f.Retry, "error", err)
		told = w.Lab.Fail(ctx, work.ID, work.Lease, f)
	}
	if told != nil && !lost(told) {
		log.Warn("report failed, the lease will expire", "error", told)
	}
}

// sweep removes what a lost attempt has stored. Its keys are of this attempt
// only, and a lease that is lost has published nothing.
func (w *Worker) sweep(ctx context.Context, work lab.Work, log *slog.Logger) {
	for _, t := range work.Outputs {
		if err := w.Storage.Delete(ctx, storage.Finished, t.Key); err != nil {
			log.Debug("bytes of a lost attempt stay behind", "key", t.Key, "error", err)
		}
	}
}

// away says whether an error is of the lab's own parts, so that neither the
// image nor the attempt is to blame.
func away(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Unavailable || k == fault.NoSpace || k == fault.TooMany
}

// failure is what the master is told of an error. An engine process that died
// may have been unlucky once; any other fault of the image stays one.
func failure(err error) lab.Failure {
	if errors.Is(err, context.DeadlineExceeded) {
		err = engine.ErrTimeout.Because(err)
	}
	f := fault.From(err)
	died := errors.Is(err, engine.ErrCrashed) || errors.Is(err, engine.ErrTimeout) || errors.Is(err, engine.ErrMemory)
	detail := f.Detail
	if detail == "" {
		detail = f.Title
	}
	return lab.Failure{
		Error: lab.Error{Code: f.Code, Detail: detail},
		Retry: died || f.Kind.Transient() || f.Kind == fault.NotFound,
	}
}
