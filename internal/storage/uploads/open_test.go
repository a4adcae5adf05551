package uploads_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/storage/uploads"
)

// TestOpenWhileItBecomesATask gives the bytes or the task: who is told that it
// is not there begins it anew.
func TestOpenWhileItBecomesATask(t *testing.T) {
	each(t, nil, func(p *place) {
		for i := range 50 {
			path := p.create("Upload-Length", "3")
			p.patch(path, 0, strings.NewReader("abc"))
			var opening sync.WaitGroup
			for range 4 {
				opening.Go(func() {
					for {
						f, err := p.uploads.Open(t.Context(), "me", idOf(path))
						if err != nil || f.Task != "" {
							if err != nil {
								t.Errorf("upload %d: %v", i, err)
							}
							return
						}
						f.Body.Close()
					}
				})
			}
			if err := p.uploads.Done(t.Context(), "me", idOf(path), "t-1"); err != nil {
				t.Error(err)
			}
			opening.Wait()
		}
	})
}

// TestAStorageThatBreaksOff in the middle of an upload's bytes is away; nobody
// has sent too few.
func TestAStorageThatBreaksOff(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Upload-Length", "10")
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "abc")
	}))
	defer s.Close()
	transport := httpx.NewTransport()
	defer transport.CloseIdleConnections()
	f, err := uploads.NewRemote(httpx.NewClient(s.URL, transport)).Open(t.Context(), "me", strings.Repeat("a", 26))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Body.Close()
	text, err := io.ReadAll(f.Body)
	if fault.KindOf(err) != fault.Unavailable || errors.Is(err, io.ErrUnexpectedEOF) || string(text) != "abc" {
		t.Errorf("%q, %v", text, err)
	}
}
