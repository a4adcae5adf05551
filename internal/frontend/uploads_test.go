package frontend_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"minilab/internal/auth"
	"minilab/internal/storage/uploads"
)

// fakeUploads notes what it is asked for.
type fakeUploads struct {
	mu    sync.Mutex
	calls []uploads.Call
}

func (f *fakeUploads) Serve(w http.ResponseWriter, r *http.Request, c uploads.Call) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	if r.Method == http.MethodHead {
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

func (*fakeUploads) Open(context.Context, string, string) (uploads.Finished, error) {
	return uploads.Finished{}, uploads.ErrNotFound
}

func (*fakeUploads) Done(context.Context, string, string, string) error { return nil }

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
