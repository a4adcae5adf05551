package worker_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"minilab/internal/engine"
	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/lab/labtest"
	"minilab/internal/master/mastertest"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/worker"
)

// told answers with the contents of all that is laid over, by name.
func told(_ context.Context, j engine.Job) (engine.Result, error) {
	var parts []string
	for name, b := range j.Attachments {
		data, err := io.ReadAll(b.Reader())
		if err != nil {
			return engine.Result{}, err
		}
		parts = append(parts, name+"="+string(data))
	}
	out, err := engine.NewBuffer("out", 1<<20)
	if err != nil {
		return engine.Result{}, err
	}
	_, err = out.Write([]byte(strings.Join(parts, " ")))
	return engine.Result{Outputs: []engine.Output{{Buffer: out, ContentType: "image/png", Facts: map[string]any{}}}, Facts: map[string]any{}}, err
}

// awayKV is a store that can be away.
type awayKV struct {
	kv.Store
	away atomic.Bool
	gets atomic.Int32
	asks chan struct{}
}

func (s *awayKV) Get(ctx context.Context, key string) (kv.Entry, error) {
	s.gets.Add(1)
	select {
	case s.asks <- struct{}{}:
	default:
	}
	if s.away.Load() {
		return kv.Entry{}, fault.ErrUnavailable
	}
	return s.Store.Get(ctx, key)
}

func startWith(t *testing.T, f labtest.Fixture, s kv.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	w := worker.New(worker.Config{
		Name: "w", Lab: f.Lab, Storage: f.Storage, KV: s, Engine: engineFunc(told), Parallel: 2, Log: slog.New(slog.DiscardHandler),
	})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func order(t *testing.T, f labtest.Fixture, text string) string {
	t.Helper()
	p, err := pipeline.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	task, err := f.Lab.Submit(t.Context(), lab.Submission{Fresh: true, Pipeline: p, Size: 1}, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	id := task.ID
	return id
}

func result(t *testing.T, f labtest.Fixture, id string) string {
	t.Helper()
	res, err := f.Lab.Result(t.Context(), lab.Ref{ID: id}, "")
	if err != nil {
		t.Fatal(err)
	}
	body, err := res.Open(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func put(t *testing.T, s kv.Store, value string) {
	t.Helper()
	if _, _, err := s.Put(t.Context(), "watermarks/logo", []byte(value), kv.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestFurtherImagesComeAlong: from the key-value store as it is when the work is
// done, and from the storage; while the store is away the work waits.
func TestFurtherImagesComeAlong(t *testing.T) {
	f := mastertest.Open(t)
	put(t, f.Presets, "first")
	s := &awayKV{Store: f.Presets, asks: make(chan struct{}, 1)}
	s.away.Store(true)
	id := order(t, f, "watermark:logo")
	startWith(t, f, s)
	<-s.asks
	put(t, f.Presets, "second")
	s.away.Store(false)
	if st := end(t, f, id); st.State != lab.Finished {
		t.Fatalf("the task ended %+v with %+v", st, st.Error)
	}
	if got := result(t, f, id); got != "logo=second" {
		t.Errorf("the engine was given %q", got)
	}
	next := order(t, f, "watermark:"+id)
	if st := end(t, f, next); st.State != lab.Finished {
		t.Fatalf("the task ended %+v with %+v", st, st.Error)
	}
	if got := result(t, f, next); got != id+"=logo=second" {
		t.Errorf("the engine was given %q", got)
	}
}

// TestFurtherImagesThatAreGone: the task fails at once, and says what is missing.
func TestFurtherImagesThatAreGone(t *testing.T) {
	f := mastertest.Open(t)
	put(t, f.Presets, "logo")
	gone := order(t, f, "watermark:logo")
	if err := f.Presets.Delete(t.Context(), "watermarks/logo", 0); err != nil {
		t.Fatal(err)
	}
	s := &awayKV{Store: f.Presets}
	startWith(t, f, s)
	wantGone := func(id, name string) {
		t.Helper()
		st := end(t, f, id)
		if st.State != lab.Failed || st.Error.Code != "unknown-reference" || !strings.Contains(st.Error.Detail, name) || !strings.Contains(st.Error.Detail, "any more") {
			t.Errorf("the task ended %+v with %+v", st, st.Error)
		}
	}
	wantGone(gone, `"logo"`)
	if n := s.gets.Load(); n != 1 {
		t.Errorf("it was looked for %d times", n)
	}

	first := order(t, f, "invert")
	end(t, f, first)
	page, err := f.Storage.List(t.Context(), storage.Finished, "", 0)
	if err != nil || len(page.Infos) != 1 {
		t.Fatalf("the storage has %+v, %v", page, err)
	}
	if err := f.Storage.Delete(t.Context(), storage.Finished, page.Infos[0].Key); err != nil {
		t.Fatal(err)
	}
	wantGone(order(t, f, "watermark:"+first), first)
}
