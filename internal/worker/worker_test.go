package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/engine"
	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/lab/labtest"
	"minilab/internal/master/mastertest"
	"minilab/internal/storage"
	"minilab/internal/worker"
)

// engineFunc is an engine that does what the test wants.
type engineFunc func(ctx context.Context, j engine.Job) (engine.Result, error)

func (f engineFunc) Run(ctx context.Context, j engine.Job) (engine.Result, error) { return f(ctx, j) }

// upper answers with the source in upper case.
func upper(_ context.Context, j engine.Job) (engine.Result, error) {
	data, err := io.ReadAll(j.Input.Reader())
	if err != nil {
		return engine.Result{}, err
	}
	out, err := engine.NewBuffer("out", 1<<20)
	if err != nil {
		return engine.Result{}, err
	}
	_, err = out.Write([]byte(strings.ToUpper(string(data))))
	return engine.Result{Outputs: []engine.Output{{Buffer: out, ContentType: "image/png", Facts: map[string]any{"width": 1}}}, Facts: map[string]any{"width": 1}}, err
}

// start runs a worker until stop is called or the test ends.
func start(t *testing.T, l lab.Workers, s storage.Store, e worker.Engine) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	w := worker.New(worker.Config{Name: "w", Lab: l, Storage: s, Engine: e, Parallel: 2, Log: slog.New(slog.DiscardHandler)})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

func submit(t *testing.T, f labtest.Fixture, text string) string {
	t.Helper()
	task, err := f.Lab.Submit(t.Context(), lab.Submission{Fresh: true, ContentType: "image/png", Size: int64(len(text))}, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	id := task.ID
	return id
}

// end waits for the task's end.
func end(t *testing.T, f labtest.Fixture, id string) lab.Task {
	t.Helper()
	st, err := f.Lab.Task(t.Context(), lab.Ref{ID: id}, lab.MaxWait)
	if err != nil || st.State == lab.InProgress {
		t.Fatalf("status is %+v, %v", st, err)
	}
	return st
}

func TestWorkIsDone(t *testing.T) {
	f := mastertest.Open(t)
	start(t, f.Lab, f.Storage, engineFunc(upper))
	var ids []string
	for _, text := range strings.Fields("one two three four five six seven eight nine ten") {
		ids = append(ids, submit(t, f, text))
	}
	for i, id := range ids {
		if st := end(t, f, id); st.State != lab.Finished {
			t.Fatalf("task %d ended %+v", i, st)
		}
	}
	res, err := f.Lab.Result(t.Context(), lab.Ref{ID: ids[3]}, "")
	if err != nil {
		t.Fatal(err)
	}
	body, err := res.Open(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if data, err := io.ReadAll(body); err != nil || string(data) != "FOUR" {
		t.Errorf("result is %q, %v", data, err)
	}
}

func TestImagesAreAlteredSideBySideButNoMoreThanToldTo(t *testing.T) {
	f := mastertest.Open(t)
	var busy, most atomic.Int32
	both := make(chan struct{}, 100)
	start(t, f.Lab, f.Storage, engineFunc(func(ctx context.Context, j engine.Job) (engine.Result, error) {
		n := busy.Add(1)
		defer busy.Add(-1)
		most.Store(max(most.Load(), n))
		if n == 2 {
			close(both)
		}
		<-both
		return upper(ctx, j)
	}))
	var ids []string
	for range 2 {
		ids = append(ids, submit(t, f, "x"))
	}
	for _, id := range ids {
		end(t, f, id)
	}
	if most.Load() != 2 {
		t.Errorf("at most %d images were altered at once", most.Load())
	}
}

func TestFaultsOfTheImageAreFinalAndCrashesAreNot(t *testing.T) {
	for _, c := range []struct {
		err   error
		code  string
		tries int32
	}{
		{engine.ErrBroken.Detailf("it ends too early"), "broken-image", 1},
		{engine.ErrNotImage, "not-an-image", 1},
		{engine.ErrCrashed, "decoder-crashed", 2},
		{engine.ErrMemory, "decoder-memory", 2},
		{errors.New("a defect"), "internal", 5},
	} {
		f := mastertest.Open(t)
		var tries atomic.Int32
		stop := start(t, f.Lab, f.Storage, engineFunc(func(context.Context, engine.Job) (engine.Result, error) {
			tries.Add(1)
			return engine.Result{}, c.err
		}))
		st := end(t, f, submit(t, f, "x"))
		stop()
		if st.State != lab.Failed || st.Error.Code != c.code || st.Error.Detail == "" || strings.Contains(st.Error.Detail, "defect") || tries.Load() != c.tries {
			t.Errorf("%v: ended %s %+v after %d tries, want %d", c.err, st.State, st.Error, tries.Load(), c.tries)
		}
	}
}

func TestStoppingGivesWorkBackAtOnce(t *testing.T) {
	f := mastertest.Open(t)
	started := make(chan struct{}, 10)
	stop := start(t, f.Lab, f.Storage, engineFunc(func(ctx context.Context, _ engine.Job) (engine.Result, error) {
		started <- struct{}{}
		<-ctx.Done()
		return engine.Result{}, context.Cause(ctx)
	}))
	id := submit(t, f, "x")
	<-started
	stop()
	list, err := f.Lab.Claim(t.Context(), lab.ClaimRequest{Worker: "other"})
	if err != nil || len(list) != 1 || list[0].ID != id {
		t.Errorf("after the stop another worker gets %+v, %v", list, err)
	}
}

func TestAPartThatIsAwayCostsNoTry(t *testing.T) {
	f := mastertest.Open(t)
	var tries, failed atomic.Int32
	start(t, failing{f.Lab, &failed}, f.Storage, engineFunc(func(ctx context.Context, j engine.Job) (engine.Result, error) {
		if tries.Add(1) <= 2 {
			return engine.Result{}, fault.ErrUnavailable
		}
		return upper(ctx, j)
	}))
	if st := end(t, f, submit(t, f, "x")); st.State != lab.Finished || failed.Load() != 0 {
		t.Errorf("the task ended %+v after %d reported failures", st, failed.Load())
	}
}

// failing counts the failures that are reported.
type failing struct {
	lab.Workers
	reported *atomic.Int32
}

func (f failing) Fail(ctx context.Context, id, lease string, why lab.Failure) error {
	f.reported.Add(1)
	return f.Workers.Fail(ctx, id, lease, why)
}

// leases answers heartbeats and leases as the test wants.
type leases struct {
	lab.Workers
	seconds float64
	beat    func() error
}

func (l leases) Claim(ctx context.Context, r lab.ClaimRequest) ([]lab.Work, error) {
	list, err := l.Workers.Claim(ctx, r)
	for i := range list {
		list[i].LeaseSeconds = l.seconds
	}
	return list, err
}

func (l leases) Heartbeat(context.Context, string, string, lab.Beat) error { return l.beat() }

func TestALostLeaseStopsTheAttemptAndSweepsItsBytes(t *testing.T) {
	for _, lost := range []error{lab.ErrLeaseLost, lab.ErrCanceled} {
		f := mastertest.Open(t)
		stopped := make(chan error, 1)
		l := leases{f.Lab, 0.1, func() error { return lost }}
		start(t, l, f.Storage, engineFunc(func(ctx context.Context, _ engine.Job) (engine.Result, error) {
			<-ctx.Done()
			stopped <- context.Cause(ctx)
			return engine.Result{}, ctx.Err()
		}))
		submit(t, f, "x")
		if err := <-stopped; !errors.Is(err, lost) {
			t.Errorf("the attempt was stopped by %v, want %v", err, lost)
		}
	}
}

func TestALeaseThatCannotBeRenewedStopsTheAttempt(t *testing.T) {
	f := mastertest.Open(t)
	stopped := make(chan time.Duration, 1)
	const lease = 5 * time.Second // of which a fifth is left when all goes well: a busy machine is late
	l := leases{f.Lab, lease.Seconds(), func() error { return fault.ErrUnavailable }}
	start(t, l, f.Storage, engineFunc(func(ctx context.Context, _ engine.Job) (engine.Result, error) {
		begun := time.Now()
		<-ctx.Done()
		stopped <- time.Since(begun)
		return engine.Result{}, ctx.Err()
	}))
	submit(t, f, "x")
	if d := <-stopped; d > lease {
		t.Errorf("the attempt went on for %v of a lease of %v", d, lease)
	}
}

// cutFinish commits a finish but loses its answer until the heartbeats, which
// then find the lease ended, have been told so.
type cutFinish struct {
	lab.Workers
	cut  atomic.Bool
	lost chan struct{}
}

func (c *cutFinish) Claim(ctx context.Context, r lab.ClaimRequest) ([]lab.Work, error) {
	return leases{Workers: c.Workers, seconds: 0.2}.Claim(ctx, r)
}

func (c *cutFinish) Heartbeat(ctx context.Context, id, lease string, b lab.Beat) error {
	err := c.Workers.Heartbeat(ctx, id, lease, b)
	if errors.Is(err, lab.ErrLeaseLost) {
		close(c.lost)
	}
	return err
}

func (c *cutFinish) Finish(ctx context.Context, id, lease string, r lab.Report) error {
	err := c.Workers.Finish(ctx, id, lease, r)
	if err == nil && c.cut.CompareAndSwap(false, true) {
		<-c.lost
		return fault.ErrUnavailable
	}
	return err
}

func TestAReportWhoseAnswerIsLostKeepsWhatIsPublished(t *testing.T) {
	f := mastertest.Open(t)
	stop := start(t, &cutFinish{Workers: f.Lab, lost: make(chan struct{})}, f.Storage, engineFunc(upper))
	id := submit(t, f, "one")
	if st := end(t, f, id); st.State != lab.Finished {
		t.Fatalf("the task ended %+v", st)
	}
	stop()
	res, err := f.Lab.Result(t.Context(), lab.Ref{ID: id}, "")
	if err != nil {
		t.Fatal(err)
	}
	body, err := res.Open(t.Context(), 0, 0)
	if err != nil {
		t.Fatalf("the finished task's result is gone: %v", err)
	}
	body.Close()
}

// badStorage fails each reading as the test wants.
type badStorage struct {
	storage.Store
	get func(ctx context.Context) error
}

func (b badStorage) Get(ctx context.Context, st storage.State, key string, p storage.Part) (storage.Object, error) {
	if err := b.get(ctx); err != nil {
		return storage.Object{}, err
	}
	return b.Store.Get(ctx, st, key, p)
}

func TestWhatIsNotTheImagesFaultIsTriedAgain(t *testing.T) {
	for name, get := range map[string]func(context.Context) error{
		"a storage that hangs": func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"a proxy that refuses":   func(context.Context) error { return fault.New(fault.Forbidden, "http-403", "answered 403") },
		"a storage that is lost": func(context.Context) error { return storage.ErrNotFound },
	} {
		t.Run(name, func(t *testing.T) {
			f := mastertest.Open(t)
			var tries atomic.Int32
			s := badStorage{f.Storage, func(ctx context.Context) error {
				if tries.Add(1) <= 3 {
					return get(ctx)
				}
				return nil
			}}
			start(t, hasty{f.Lab}, s, engineFunc(upper))
			if st := end(t, f, submit(t, f, "x")); st.State != lab.Finished {
				t.Errorf("the task ended %+v", st)
			}
		})
	}
}

func TestADamagedSourceFailsTheTaskAtOnce(t *testing.T) {
	f := mastertest.Open(t)
	var tries atomic.Int32
	s := badStorage{f.Storage, func(context.Context) error { tries.Add(1); return storage.ErrCorrupt }}
	start(t, f.Lab, s, engineFunc(upper))
	st := end(t, f, submit(t, f, "x"))
	if n := tries.Load(); n != 1 {
		t.Errorf("it was tried %d times", n)
	}
	if st.State != lab.Failed || st.Error == nil || st.Error.Code != "source-damaged" || !strings.Contains(st.Error.Detail, "again") {
		t.Errorf("the task ended %+v %+v", st, st.Error)
	}
}

// hasty gives attempts little time.
type hasty struct{ lab.Workers }

func (h hasty) Claim(ctx context.Context, r lab.ClaimRequest) ([]lab.Work, error) {
	list, err := h.Workers.Claim(ctx, r)
	for i := range list {
		list[i].DeadlineSeconds = 1 // the last attempt, which nothing holds up, has to be done in it
	}
	return list, err
}

// toldOf notes the heartbeats.
type toldOf struct {
	lab.Workers
	beats chan lab.Beat
}

func (b toldOf) Heartbeat(ctx context.Context, id, lease string, at lab.Beat) error {
	b.beats <- at
	return b.Workers.Heartbeat(ctx, id, lease, at)
}

// A long attempt is told of long before its lease asks for it, a short one is
// not: that would be a call for each of the smallest images.
func TestALongAttemptTellsWhatItIsDoing(t *testing.T) {
	f := mastertest.Open(t)
	l := toldOf{f.Lab, make(chan lab.Beat, 10)}
	goOn := make(chan struct{})
	start(t, l, f.Storage, engineFunc(func(ctx context.Context, j engine.Job) (engine.Result, error) {
		<-goOn
		return upper(ctx, j)
	}))
	id := submit(t, f, "x")
	if b := <-l.beats; b.Stage != "altering" || b.Progress != 0.1 {
		t.Errorf("told of %+v", b)
	}
	close(goOn)
	if st := end(t, f, id); st.State != lab.Finished || st.Progress != 1 {
		t.Errorf("ended as %+v", st)
	}
	for i := range 20 { // on a busy machine, until one is short
		for len(l.beats) > 0 {
			<-l.beats
		}
		began := time.Now()
		end(t, f, submit(t, f, fmt.Sprint("y", i)))
		if n := len(l.beats); time.Since(began) < time.Second {
			if n > 0 {
				t.Errorf("a short attempt was told of: %+v", <-l.beats)
			}
			return
		}
	}
	t.Error("there was no short attempt")
}

// unread is a storage whose images may not be read: who wants one takes its
// memory, and gives memory in return.
type unread struct {
	storage.Store
	t *testing.T
}

type unreadBody struct {
	storage.Sealed
	io.Closer
	t *testing.T
}

// Get implements storage.Store.
func (s unread) Get(ctx context.Context, state storage.State, key string, part storage.Part) (storage.Object, error) {
	o, err := s.Store.Get(ctx, state, key, part)
	if err == nil {
		o.Body = unreadBody{o.Body.(storage.Sealed), o.Body, s.t}
	}
	return o, err
}

// Put implements storage.Store.
func (s unread) Put(ctx context.Context, state storage.State, key string, r io.Reader, opts storage.PutOptions) (storage.Info, error) {
	m := storage.MemoryOf(r)
	if m == nil {
		s.t.Error("the result is not given as memory")
		return storage.Info{}, fault.ErrUnavailable
	}
	m.Close()
	return s.Store.Put(ctx, state, key, r, opts)
}

// Read implements io.Reader.
func (b unreadBody) Read([]byte) (int, error) {
	b.t.Error("the source is read, though it is in memory")
	return 0, io.ErrUnexpectedEOF
}

// TestMemoryIsNotCopied neither on its way to the engine nor from it.
func TestMemoryIsNotCopied(t *testing.T) {
	f := mastertest.Open(t)
	start(t, f.Lab, unread{f.Storage, t}, engineFunc(func(ctx context.Context, j engine.Job) (engine.Result, error) {
		r, err := upper(ctx, j)
		if err == nil {
			err = r.Outputs[0].Seal()
		}
		return r, err
	}))
	id := submit(t, f, strings.Repeat("abcd", 50_000))
	if st := end(t, f, id); st.State != lab.Finished {
		t.Fatalf("it ended %+v", st)
	}
}
