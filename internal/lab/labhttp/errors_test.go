package labhttp_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
)

// failing is a lab that says no to everything.
type failing struct {
	lab.Lab
	err error
}

func (f *failing) Submit(context.Context, lab.Submission, io.Reader) (lab.Task, error) {
	return lab.Task{}, f.err
}

func (f *failing) Task(context.Context, lab.Ref, time.Duration) (lab.Task, error) {
	return lab.Task{}, f.err
}

func (f *failing) Tasks(context.Context, lab.Filter) (lab.Page, error) { return lab.Page{}, f.err }

func (f *failing) Result(context.Context, lab.Ref, string) (lab.Result, error) {
	return lab.Result{}, f.err
}

func (f *failing) Original(context.Context, lab.Ref) (lab.Result, error) { return lab.Result{}, f.err }
func (f *failing) Cancel(context.Context, lab.Ref) (lab.Task, error)     { return lab.Task{}, f.err }
func (f *failing) Retry(context.Context, lab.Ref) (lab.Task, error)      { return lab.Task{}, f.err }
func (f *failing) Delete(context.Context, lab.Ref) error                 { return f.err }

func (f *failing) Events(context.Context, int64, int, time.Duration) ([]lab.Event, error) {
	return nil, f.err
}

func (f *failing) Places(context.Context, []string) ([]lab.Place, error)       { return nil, f.err }
func (f *failing) Stats(context.Context) (lab.Stats, error)                    { return lab.Stats{}, f.err }
func (f *failing) Claim(context.Context, lab.ClaimRequest) ([]lab.Work, error) { return nil, f.err }
func (f *failing) Heartbeat(context.Context, string, string, lab.Beat) error   { return f.err }
func (f *failing) Finish(context.Context, string, string, lab.Report) error    { return f.err }
func (f *failing) Fail(context.Context, string, string, lab.Failure) error     { return f.err }
func (f *failing) Release(context.Context, string, string) error               { return f.err }

// calls are all that a lab can be asked.
func calls(ctx context.Context, l lab.Lab) map[string]func() error {
	ref := lab.Ref{Owner: "ann", ID: "a"}
	return map[string]func() error{
		"Submit": func() error {
			_, err := l.Submit(ctx, lab.Submission{Size: 1}, strings.NewReader("x"))
			return err
		},
		"Task":      func() error { _, err := l.Task(ctx, ref, 0); return err },
		"Tasks":     func() error { _, err := l.Tasks(ctx, lab.Filter{}); return err },
		"Result":    func() error { _, err := l.Result(ctx, ref, ""); return err },
		"Original":  func() error { _, err := l.Original(ctx, ref); return err },
		"Cancel":    func() error { _, err := l.Cancel(ctx, ref); return err },
		"Retry":     func() error { _, err := l.Retry(ctx, ref); return err },
		"Delete":    func() error { return l.Delete(ctx, ref) },
		"Events":    func() error { _, err := l.Events(ctx, 0, 0, 0); return err },
		"Places":    func() error { _, err := l.Places(ctx, []string{"a"}); return err },
		"Stats":     func() error { _, err := l.Stats(ctx); return err },
		"Claim":     func() error { _, err := l.Claim(ctx, lab.ClaimRequest{Worker: "w"}); return err },
		"Heartbeat": func() error { return l.Heartbeat(ctx, "a", "1.x", lab.Beat{}) },
		"Finish":    func() error { return l.Finish(ctx, "a", "1.x", lab.Report{}) },
		"Fail":      func() error { return l.Fail(ctx, "a", "1.x", lab.Failure{Error: lab.Error{Code: "x"}}) },
		"Release":   func() error { return l.Release(ctx, "a", "1.x") },
	}
}

// TestEveryErrorComesBackAsItself: whichever call it was said to, with its
// detail and its advice.
func TestEveryErrorComesBackAsItself(t *testing.T) {
	f := &failing{}
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	labhttp.Route(rt, f)
	srv := httptest.NewServer(rt)
	defer srv.Close()
	transport := httpx.NewTransport()
	defer transport.CloseIdleConnections()
	c := labhttp.NewClient(httpx.NewClient(srv.URL, transport))
	for _, want := range []*fault.Fault{
		lab.ErrNotFound, lab.ErrNotFinished, lab.ErrCanceled, lab.ErrFailed, lab.ErrLeaseLost, lab.ErrOutput, lab.ErrQueueFull, lab.ErrOutputName,
		lab.ErrPreset, lab.ErrSubmission, lab.ErrEmpty, lab.ErrCut, lab.ErrNoImage, lab.ErrTransition, lab.ErrIdempotency, lab.ErrCursor, lab.ErrCompacted,
		lab.ErrReference, lab.ErrKeep, fault.ErrUnavailable, fault.ErrNoSpace, fault.ErrTooLarge, fault.ErrInternal,
	} {
		f.err = want.Detailf("because of %s", "ä\n\"x\"").Retry(3 * time.Second)
		for name, call := range calls(t.Context(), c) {
			err := call()
			got := fault.From(err)
			if !errors.Is(err, want) || got.Kind != want.Kind || got.Detail != "because of ä\n\"x\"" || got.RetryAfter != 3*time.Second {
				t.Errorf("%s: %v came back as %v (%d, %q, %v)", name, f.err, err, got.Kind, got.Detail, got.RetryAfter)
			}
		}
	}
	f.err = errors.New("a secret path")
	for name, call := range calls(t.Context(), c) {
		if err := call(); fault.KindOf(err) != fault.Internal || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: a defect came back as %v", name, err)
		}
	}
}
