package frontend_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/frontend"
	"minilab/internal/lab"
	"minilab/internal/outbound"
	"minilab/internal/storage"
)

// site serves at a loopback address of its own.
func site(t *testing.T, addr string, h http.HandlerFunc) (url string, conns *atomic.Int64) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conns = new(atomic.Int64)
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL, conns
}

// source gives what its path says.
func source(picture []byte, inside string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/photo.png":
			w.Header().Set("Content-Type", "text/plain") // nobody believes it
			_, _ = w.Write(picture)
		case "/streamed.png":
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(picture)
		case "/page":
			_, _ = io.WriteString(w, "<!doctype html><title>A photo</title><img src=photo.png>")
		case "/announced":
			w.Header().Set("Content-Length", fmt.Sprint(100<<20))
			_, _ = w.Write(picture)
		case "/endless":
			for _, err := w.Write(picture); err == nil; {
				_, err = w.Write(picture)
			}
		case "/slow":
			_, _ = w.Write(picture[:100])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/silent":
			<-r.Context().Done()
		case "/cut":
			w.Header().Set("Content-Length", fmt.Sprint(len(picture)))
			_, _ = w.Write(picture[:len(picture)/2])
		case "/inside":
			http.Redirect(w, r, inside, http.StatusFound)
		case "/moved":
			http.Redirect(w, r, "/photo.png", http.StatusMovedPermanently)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/empty":
		default:
			http.NotFound(w, r)
		}
	}
}

func TestImagesByURL(t *testing.T) {
	picture := noise(t, 300, 100)
	inside, conns := site(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(picture) })
	url, _ := site(t, "127.0.0.2:0", source(picture, inside))
	s := serveLab(t, func(c *frontend.Config) {
		o := outbound.New(outbound.Config{
			Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, Redirects: 5, MaxBytes: c.Limits.MaxBytes, Total: time.Second,
		})
		t.Cleanup(o.Close)
		c.Sources = o
	})
	post := func(raw string) io.Reader { return strings.NewReader(`{"url":"` + raw + `","pipeline":"flip"}`) }
	for raw, want := range map[string]struct {
		status int
		code   string
	}{
		url + "/none":        {422, "source-refused"},
		url + "/loop":        {422, "source-refused"},
		url + "/page":        {415, "not-an-image"},
		url + "/empty":       {400, "empty"},
		url + "/announced":   {413, "source-too-large"},
		url + "/endless":     {413, "source-too-large"},
		url + "/slow":        {422, "source-cut"},
		url + "/silent":      {422, "source-unreachable"},
		url + "/cut":         {422, "source-cut"},
		url + "/inside":      {422, "forbidden-address"},
		inside + "/photo":    {422, "forbidden-address"},
		"http://localhost/":  {422, "forbidden-address"},
		"http://0x7f.1/":     {422, "forbidden-address"},
		"http://127.0.0.2:1": {422, "source-unreachable"},
		"file:///etc/passwd": {400, "invalid-url"},
		"http://a:b@[::1]/":  {400, "invalid-url"},
		"//photo":            {400, "invalid-url"},
	} {
		if p := s.refuses(want.status, want.code, "POST", "/api/v1/tasks", post(raw), "Content-Type", "application/json"); strings.Contains(p.Detail, "127.0.0") {
			t.Errorf("%s leaks: %s", raw, p.Detail)
		}
	}
	if n := conns.Load(); n != 0 {
		t.Errorf("%d connections to where nobody may be asked", n)
	}
	var page lab.Page
	if s.want(http.StatusOK, &page, "GET", "/api/v1/tasks", nil); len(page.Tasks) != 0 {
		t.Errorf("%d tasks of images that never came", len(page.Tasks))
	}
	if kept, err := s.f.Storage.List(t.Context(), storage.InProgress, "", 0); err != nil || len(kept.Infos) != 0 {
		t.Errorf("%d images are kept, %v", len(kept.Infos), err)
	}
	for _, path := range []string{"/photo.png", "/streamed.png", "/moved"} {
		var task lab.Task
		s.want(http.StatusAccepted, &task, "POST", "/api/v1/tasks?fresh=true", post(url+path), "Content-Type", "application/json")
		if task.Source.Size != int64(len(picture)) || task.Source.ContentType != "image/png" || task.Pipeline != "flip" {
			t.Errorf("%s: %+v", path, task)
		}
		if resp, got := s.call("GET", "/api/v1/tasks/"+task.ID+"/original", nil); resp.StatusCode != http.StatusOK || !bytes.Equal(got, picture) {
			t.Errorf("%s: %d, %d bytes", path, resp.StatusCode, len(got))
		}
	}
}

func TestNothingIsFetchedForWhatCannotBeDone(t *testing.T) {
	url, conns := site(t, "127.0.0.2:0", func(http.ResponseWriter, *http.Request) {})
	s := serveLab(t, func(c *frontend.Config) {
		c.Sources = outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, MaxBytes: 1 << 20, Total: time.Minute})
	})
	for wish, code := range map[string]string{
		`"pipeline":"nonsense"`: "invalid-pipeline", `"keep":"soon"`: "invalid-keep", `"preset":"a","pipeline":"flip"`: "invalid-submission", `"pipeline":"extend:top=20000"`: "invalid-pipeline",
	} {
		s.refuses(400, code, "POST", "/api/v1/tasks", strings.NewReader(`{"url":"`+url+`",`+wish+`}`), "Content-Type", "application/json")
	}
	s.owner = "ann:submit"
	s.refuses(403, "forbidden", "POST", "/api/v1/tasks", strings.NewReader(`{"url":"`+url+`","priority":1}`), "Content-Type", "application/json")
	if n := conns.Load(); n != 0 {
		t.Errorf("the source was asked %d times", n)
	}
}

func TestOutsidersLearnNothingOfWhatIsInside(t *testing.T) {
	open, _ := site(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) {})
	s := serveLab(t, func(c *frontend.Config) {
		c.Sources = outbound.New(outbound.Config{Redirects: 5, MaxBytes: c.Limits.MaxBytes, Total: time.Minute})
	})
	var told []string
	for _, raw := range []string{open, "http://127.0.0.1:1", "http://10.0.0.1", "http://169.254.169.254/latest/meta-data/", "http://[::1]:8081"} {
		p := s.refuses(422, "forbidden-address", "POST", "/api/v1/tasks", strings.NewReader(`{"url":"`+raw+`"}`), "Content-Type", "application/json")
		told = append(told, p.Title+p.Detail)
	}
	for _, text := range told {
		if text != told[0] {
			t.Errorf("told %q and %q", told[0], text)
		}
	}
}
