package uploads_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/kv/sqlitekv"
	"minilab/internal/storage/uploads"
)

// quiet is a log that nobody reads.
var quiet = slog.New(slog.DiscardHandler)

// place is a storage with uploads, and a frontend to it.
type place struct {
	*testing.T
	kv      kv.Store
	service *uploads.Service
	uploads uploads.Uploads // the service, or its client
	web     *httptest.Server
}

// each runs a test over both ways to a storage: in the same process, and by its
// wire.
func each(t *testing.T, config func(*uploads.Config), test func(p *place)) {
	t.Helper()
	for _, remote := range []bool{false, true} {
		t.Run(map[bool]string{false: "in process", true: "remote"}[remote], func(t *testing.T) {
			test(newPlace(t, t.TempDir(), remote, config))
		})
	}
}

func newPlace(t *testing.T, dir string, remote bool, config func(*uploads.Config)) *place {
	t.Helper()
	c := uploads.Config{Dir: filepath.Join(dir, "uploads"), Store: "store", KV: openKV(t), Keep: time.Hour, Log: quiet}
	if config != nil {
		config(&c)
	}
	return newFrontend(t, c, remote)
}

func newFrontend(t *testing.T, c uploads.Config, remote bool) *place {
	t.Helper()
	s, err := uploads.New(c)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, kv: c.KV, service: s, uploads: s}
	if remote {
		rt := httpx.NewRouter(quiet)
		uploads.Route(rt, s)
		server := httptest.NewServer(rt)
		t.Cleanup(server.Close)
		transport := httpx.NewTransport()
		t.Cleanup(transport.CloseIdleConnections)
		p.uploads = uploads.NewRemote(httpx.NewClient(server.URL, transport))
	}
	rt := httpx.NewRouter(quiet)
	rt.Handle(uploads.Methods+" /api/v1/uploads/*", func(w http.ResponseWriter, r *http.Request) error {
		return p.uploads.Serve(w, r, uploads.Call{
			ID: strings.TrimPrefix(r.URL.Path, uploads.PublicPath), Owner: r.Header.Get("Test-Owner"), MaxBytes: 10 << 20,
		})
	})
	p.web = httptest.NewServer(rt)
	t.Cleanup(p.web.Close)
	return p
}

func openKV(t *testing.T) kv.Store {
	t.Helper()
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(t.TempDir(), "kv.db"), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	code   string // of a problem
}

// call makes a request of the owner "me", unless the headers name another.
func (p *place) call(method, path string, body io.Reader, header ...string) reply {
	p.Helper()
	r, err := p.try(method, path, body, header...)
	if err != nil {
		p.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (p *place) try(method, path string, body io.Reader, header ...string) (reply, error) {
	req, err := http.NewRequestWithContext(p.Context(), method, p.web.URL+path, body)
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	req.Header.Set("Test-Owner", "me")
	for i := 0; i < len(header); i += 2 {
		if req.Header.Del(header[i]); header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := p.web.Client().Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	var problem struct{ Code string }
	if resp.StatusCode >= 400 && method != "HEAD" {
		if err := json.Unmarshal(text, &problem); err != nil || resp.Header.Get("Content-Type") != "application/problem+json" {
			p.Errorf("%s %s: %d is no problem but %q", method, path, resp.StatusCode, text)
		}
	}
	return reply{resp.StatusCode, resp.Header, problem.Code}, err
}

// create makes an upload and gives its path.
func (p *place) create(header ...string) string {
	p.Helper()
	r := p.call("POST", uploads.PublicPath, nil, header...)
	if r.status != 201 {
		p.Fatalf("answered %d %s", r.status, r.code)
	}
	return r.header.Get("Location")
}

func (p *place) patch(path string, offset int, body io.Reader, header ...string) reply {
	p.Helper()
	return p.call("PATCH", path, body, append([]string{"Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream"}, header...)...)
}

// at fails unless the upload is at the offset.
func (p *place) at(path string, offset int) {
	p.Helper()
	if r := p.call("HEAD", path, nil); r.status != 200 || r.header.Get("Upload-Offset") != strconv.Itoa(offset) {
		p.Errorf("the upload is %d at %q, want %d", r.status, r.header.Get("Upload-Offset"), offset)
	}
}

// has fails unless the finished upload is data.
func (p *place) has(path string, data []byte) {
	p.Helper()
	f, err := p.uploads.Open(p.Context(), "me", idOf(path))
	if err != nil {
		p.Fatalf("Open: %v", err)
	}
	defer f.Body.Close()
	got, err := io.ReadAll(f.Body)
	if err != nil || !bytes.Equal(got, data) || f.Size != int64(len(data)) {
		p.Errorf("%d of %d bytes, %v; want %d", len(got), f.Size, err, len(data))
	}
}

func idOf(path string) string { return strings.TrimPrefix(path, uploads.PublicPath) }

func some(n int, seed byte) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happens that %s", what)
		}
	}
}
