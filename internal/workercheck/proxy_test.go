package workercheck

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"minilab/internal/storage/storagehttp"
)

// TestNothingPassesTheProxyBy: what is neither seen nor broken is not checked. A
// worker beside the storage would get and put memory.
func TestNothingPassesTheProxyBy(t *testing.T) {
	seen := make(chan http.Header, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	defer s.Close()
	p := &proxy{client: s.Client(), storage: s.URL, changed: make(chan struct{})}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/images/inProgress/a", nil)
	r.Header.Set(storagehttp.HeaderMemory, "a.b")
	r.Header.Set("Range", "bytes=0-1")
	p.ServeHTTP(httptest.NewRecorder(), r)
	if h := <-seen; h.Get(storagehttp.HeaderMemory) != "" || h.Get("Range") == "" {
		t.Errorf("the storage got %v", h)
	}
}
