// Package master is the lab's engine: it takes images in, makes tasks, hands
// work to workers and takes results back. It keeps nothing itself, the storage
// and the task database do, so any number of masters can run side by side.
package master

import (
	"context"
	"log/slog"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
	"minilab/internal/telemetry"
)

// Config is what a master works with.
type Config struct {
	DB      taskdb.Store
	Storage storage.Store
	Presets *Presets
	// Operations are those of foreign workers; nil: the built-in ones are all.
	Operations *Catalog
	Watermarks kv.Store      // where images to be laid over others are kept; nil: nowhere
	KVURL      func() string // the base of its URLs for workers of other makes; nil or empty: it is not served
	// StorageURL is the base of the URLs that workers are given, asked for
	// each claim; empty when the storage is not served.
	StorageURL func() string
	// Keep is how long tasks are kept after their end; 0: for ever.
	Keep   time.Duration
	Limits lab.Limits // of one submission
	// SubmitTime is how long a task may take to be made after its bytes were
	// read: later they may have been swept. 0: for ever.
	SubmitTime time.Duration
	// Version is of what makes results: those of another are not used again.
	Version string
	Log     *slog.Logger

	Stages *telemetry.Stages // nil: they are not timed
	Tracer *telemetry.Tracer // nil: no traces
}

// Master implements lab.Lab.
type Master struct {
	Config
	ends  *ends
	looks chan struct{} // a place for each customer whose task is being read
}

// maxLooks is how many tasks are read at once for customers who ask how far
// theirs is. They may come in thousands, and be woken in thousands; each reading
// would be a connection of its own to the task database.
const maxLooks = 128

var _ lab.Lab = (*Master)(nil)

// New makes a master. Close ends what it does in the background.
func New(c Config) *Master {
	return &Master{Config: c, ends: newEnds(c.DB, c.Log), looks: make(chan struct{}, maxLooks)}
}

// Close ends what it does in the background. Who waits for a status is not
// woken any more, only by its context.
func (m *Master) Close() { m.ends.close() }

// labFaults are the task database's faults in the lab's words.
var labFaults = map[string]*fault.Fault{
	taskdb.ErrNotFound.Code:  lab.ErrNotFound,
	taskdb.ErrLeaseLost.Code: lab.ErrLeaseLost,
	taskdb.ErrCanceled.Code:  lab.ErrCanceled,
	taskdb.ErrQueueFull.Code: lab.ErrQueueFull,
	taskdb.ErrTask.Code:      lab.ErrSubmission,

	taskdb.ErrTransition.Code:  lab.ErrTransition,
	taskdb.ErrIdempotency.Code: lab.ErrIdempotency,
	taskdb.ErrCursor.Code:      lab.ErrCursor,
	taskdb.ErrCompacted.Code:   lab.ErrCompacted,
}

// translate turns a fault of the task database into one of the lab.
func translate(err error) error {
	if err == nil {
		return nil
	}
	f := fault.From(err)
	to, ok := labFaults[f.Code]
	if !ok {
		return err
	}
	c := to.Because(err)
	c.Detail, c.RetryAfter = f.Detail, f.RetryAfter
	return c
}

// look is find, so many at a time.
func (m *Master) look(ctx context.Context, ref lab.Ref) (taskdb.Task, error) {
	select {
	case m.looks <- struct{}{}:
	case <-ctx.Done():
		return taskdb.Task{}, context.Cause(ctx)
	}
	defer func() { <-m.looks }()
	return m.find(ctx, ref)
}

// find reads a task by an ID from outside; whatever is wrong with the ID, and
// whoever else it belongs to, the answer is that there is no such task.
func (m *Master) find(ctx context.Context, ref lab.Ref) (taskdb.Task, error) {
	if err := taskdb.CheckID(ref.ID); err != nil {
		return taskdb.Task{}, lab.ErrNotFound.Because(err)
	}
	t, err := m.DB.Get(ctx, ref.ID)
	if err != nil {
		return t, translate(err)
	}
	if ref.Owner != "" && t.Owner != ref.Owner {
		return taskdb.Task{}, lab.ErrNotFound.Detailf("there is no task %q", ref.ID)
	}
	telemetry.Link(ctx, t.Trace)
	return t, nil
}
