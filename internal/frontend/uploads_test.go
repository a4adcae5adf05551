package frontend_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"minilab/internal/auth"
	"minilab/internal/lab"
	"minilab/internal/storage/uploads"
)

// fakeUploads notes what it is asked for.
type fakeUploads struct {
	mu       sync.Mutex
	calls    []uploads.Call
	photo    []byte            // that is finished
	metadata map[string]string // of it
	done     []string          // tasks that it has become
}

func (f *fakeUploads) Serve(w http.ResponseWriter, r *http.Request, c uploads.Call) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	if r.Method == http.MethodPatch { // another request waits: nothing is read any more
		if http.NewResponseController(w).SetReadDeadline(time.Now()) == nil {
			<-r.Context().Done()
		}
	}
	if r.Method == http.MethodHead || r.Method == http.MethodPatch {
		w.Header().Set(uploads.HeaderFinished, c.ID)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (f *fakeUploads) last() uploads.Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) == 0 {
		return uploads.Call{}
	}
	return f.calls[len(f.calls)-1]
}

func (f *fakeUploads) Open(context.Context, string, string) (uploads.Finished, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return uploads.Finished{Body: io.NopCloser(bytes.NewReader(f.photo)), Size: int64(len(f.photo)), Metadata: f.metadata}, nil
}

func (f *fakeUploads) Done(_ context.Context, _, _, task string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = append(f.done, task)
	return nil
}

// TestUploadsAreTheKeysOwners, whatever the request says of itself.
func TestUploadsAreTheKeysOwners(t *testing.T) {
	k := serveKeyed(t)
	key, _ := k.create("shop", auth.Submit)
	for path, id := range map[string]string{"/api/v1/uploads": "", "/api/v1/uploads/": "", "/api/v1/uploads/abc": "abc", "/api/v1/uploads/a%2Fb": "a/b"} {
		header := shows(key)
		header.Set("Minilab-Owner", "somebody")
		header.Set("Minilab-Max-Bytes", "1")
		if w := k.ask("PATCH "+path, header); w.Code != http.StatusNoContent {
			t.Errorf("%s: %d", path, w.Code)
		}
		if got, want := k.uploads.last(), (uploads.Call{ID: id, Owner: "shop", MaxBytes: roomy.MaxBytes}); got != want {
			t.Errorf("%s: %+v, want %+v", path, got, want)
		}
	}
}

// TestWhatIsBetweenServicesIsNotTold to clients.
func TestWhatIsBetweenServicesIsNotTold(t *testing.T) {
	k := serveKeyed(t)
	key, _ := k.create("shop", auth.Submit)
	w := k.ask("HEAD /api/v1/uploads/abc", shows(key))
	if w.Code != http.StatusNoContent || w.Header().Get(uploads.HeaderFinished) != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// TestOrderIsNotForgotten by a client that was told to come back, and that takes
// an upload of which all bytes have come for done.
func TestOrderIsNotForgotten(t *testing.T) {
	k := serveKeyed(t)
	key, _ := k.create("shop", auth.Submit)
	k.uploads.photo, k.uploads.metadata = noise(t, 4, 4), map[string]string{"pipeline": "swap"}
	k.lab.submit = func(n int) error {
		if n == 1 {
			return lab.ErrQueueFull
		}
		return nil
	}
	if w := k.ask("HEAD /api/v1/uploads/abc", shows(key)); w.Code != http.StatusTooManyRequests {
		t.Errorf("with a full queue: %d %v", w.Code, w.Header())
	}
	w := k.ask("HEAD /api/v1/uploads/abc", shows(key))
	task := w.Header().Get(uploads.HeaderTask)
	if w.Code != http.StatusNoContent || task == "" || !slices.Equal(k.uploads.done, []string{task}) {
		t.Errorf("%d %v, and it has become %q", w.Code, w.Header(), k.uploads.done)
	}
}

// TestOrderOfAnInterruptedRequest is made all the same: its bytes have come.
func TestOrderOfAnInterruptedRequest(t *testing.T) {
	k := serveKeyed(t)
	key, _ := k.create("shop", auth.Submit)
	k.uploads.photo, k.uploads.metadata = noise(t, 4, 4), map[string]string{"pipeline": "swap"}
	web := httptest.NewServer(k.rt)
	defer web.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, web.URL+"/api/v1/uploads/abc", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = shows(key)
	resp, err := web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent || resp.Header.Get(uploads.HeaderTask) == "" {
		t.Errorf("answered %d %v", resp.StatusCode, resp.Header)
	}
}

func TestUploadsNeedTheScope(t *testing.T) {
	k := serveKeyed(t)
	key, _ := k.create("shop", auth.Read, auth.Admin)
	for header, status := range map[string]int{key: http.StatusForbidden, "": http.StatusUnauthorized} {
		for _, method := range []string{"POST", "HEAD", "PATCH", "DELETE", "OPTIONS"} {
			if w := k.ask(method+" /api/v1/uploads/abc", shows(header)); w.Code != status {
				t.Errorf("%s: %d, want %d", method, w.Code, status)
			}
		}
	}
	if k.uploads.last().ID != "" {
		t.Error("a call was let through")
	}
}
