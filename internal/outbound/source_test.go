package outbound_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"minilab/internal/fault"
	"minilab/internal/outbound"
)

func TestAnswersThatAreNotTheImage(t *testing.T) {
	s := serve(t, near+":0", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 1<<20))
			z.Close()
		case "/identity":
			w.Header().Set("Content-Encoding", "Identity")
		case "/no-location":
			w.WriteHeader(http.StatusMultipleChoices)
		default:
			var status int
			_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "internal details")
		}
	})
	c := client(t)
	for path, want := range map[string]string{
		"/404": "404", "/403": "403", "/401": "401", "/500": "500", "/201": "201", "/206": "206", "/304": "304", "/599": "599",
		"/no-location": "300", "/gzip": "encoding",
	} {
		_, _, err := read(t, c, s.url(path))
		f := fault.From(err)
		if !errors.Is(err, outbound.ErrRefused) || !strings.Contains(f.Detail, want) || strings.Contains(f.Detail, "internal") {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"/200", "/identity"} {
		if _, _, err := read(t, c, s.url(path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestBodiesThatAreTooLarge(t *testing.T) {
	sent := make(chan error, 1)
	s := serve(t, near+":0", func(w http.ResponseWriter, r *http.Request) {
		var n int
		switch _, _ = fmt.Sscanf(r.URL.Path, "/%d", &n); r.URL.RawQuery {
		case "announced":
			w.Header().Set("Content-Length", fmt.Sprint(n))
			_, _ = w.Write(make([]byte, n))
		case "endless":
			var err error
			for err == nil {
				_, err = w.Write(make([]byte, 8<<10))
			}
			sent <- err
		default:
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(make([]byte, n))
		}
	})
	c := client(t)
	for path, good := range map[string]bool{
		fmt.Sprintf("/%d?announced", maxBytes): true, fmt.Sprintf("/%d?announced", maxBytes+1): false,
		fmt.Sprintf("/%d", maxBytes): true, fmt.Sprintf("/%d", maxBytes+1): false, "/0?endless": false,
		"/0?announced": true, "/0": true,
	} {
		data, size, err := read(t, c, s.url(path))
		if good && err != nil || !good && !errors.Is(err, outbound.ErrTooLarge) || len(data) > maxBytes {
			t.Errorf("%s: %d bytes of size %d, %v", path, len(data), size, err)
		}
	}
	if err := <-sent; err == nil { // the connection is ended
		t.Error("the endless body goes on")
	}
	if _, _, err := c.Open(t.Context(), s.url("/99999999?announced")); !errors.Is(err, outbound.ErrTooLarge) {
		t.Errorf("what is announced is not refused before it is read: %v", err)
	}
}

func TestBodiesThatAreCut(t *testing.T) {
	for _, head := range []string{"Content-Length: 100\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "Transfer-Encoding: chunked\r\n\r\nnonsense", "Transfer-Encoding: chunked\r\n\r\n9\r\nabc"} {
		s := serve(t, near+":0", answer("HTTP/1.1 200 OK\r\n"+head))
		if _, _, err := read(t, client(t), s.url("/")); !errors.Is(err, outbound.ErrCut) {
			t.Errorf("%q: %v", head, err)
		}
	}
}

// answer writes a text as it is, and hangs up.
func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

func TestAnswersThatAreNonsense(t *testing.T) {
	for what, text := range map[string]string{
		"nothing": "", "no HTTP": "SSH-2.0-x\r\n", "half a header": "HTTP/1.1 200 OK\r\nContent-", "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
		"a huge header":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"endless advice":    strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 10_000),
		"a bad Location":    "HTTP/1.1 302 Found\r\nLocation: http://%zz/\r\n\r\n",
		"a negative length": "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
	} {
		s := serve(t, near+":0", answer(text))
		if _, _, err := read(t, client(t), s.url("/")); !errors.Is(err, outbound.ErrUnreachable) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestRedirects(t *testing.T) {
	inside := serve(t, here+":0", func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	asked := make(chan *http.Request, 100)
	s := serve(t, near+":0", func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		var left int
		switch n, _ := fmt.Sscanf(r.URL.Path, "/hops/%d", &left); {
		case n == 1 && left > 0:
			http.Redirect(w, r, fmt.Sprintf("/hops/%d?secret", left-1), http.StatusFound)
		case r.URL.Path == "/to":
			w.Header().Set("Location", r.URL.Query().Get("to"))
			w.WriteHeader(http.StatusPermanentRedirect)
		default:
			_, _ = io.WriteString(w, "here")
		}
	})
	c := client(t)
	if data, _, err := read(t, c, s.url("/hops/5?secret")); err != nil || string(data) != "here" {
		t.Errorf("five hops: %q, %v", data, err)
	}
	for range 6 {
		if r := <-asked; r.Referer() != "" {
			t.Errorf("told where it came from: %s", r.Referer())
		}
	}
	for path, want := range map[string]error{
		"/hops/6":                                     outbound.ErrRefused,
		"/hops/0":                                     nil,
		"/to?to=" + inside.url("/"):                   outbound.ErrAddress,
		"/to?to=http://169.254.169.254/latest":        outbound.ErrAddress,
		"/to?to=http://[::ffff:127.0.0.1]:1/":         outbound.ErrAddress,
		"/to?to=http://0x7f.1/":                       outbound.ErrAddress,
		"/to?to=//" + inside.addr + "/":               outbound.ErrAddress,
		"/to?to=/to%3Fto=" + inside.url("/"):          outbound.ErrAddress,
		"/to?to=file:///etc/passwd":                   outbound.ErrRefused,
		"/to?to=ftp://" + s.addr:                      outbound.ErrRefused,
		"/to?to=http://user:secret@" + s.addr + "/":   outbound.ErrRefused,
		"/to?to=http://" + near + ":99999/":           outbound.ErrRefused,
		"/to?to=":                                     outbound.ErrRefused,
		"/to?to=" + s.url("/hops/4"):                  nil,
		"/to?to=" + s.url("/hops/5"):                  outbound.ErrRefused,
		"/to?to=" + s.url("/to%3Fto="+s.url("/loop")): nil,
	} {
		if _, _, err := read(t, c, s.url(path)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if n := inside.conns.Load(); n != 0 {
		t.Errorf("%d connections to where nobody may be asked", n)
	}
}

func TestWhoAsksForNoRedirectGetsNone(t *testing.T) {
	s := serve(t, near+":0", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+here+"/", http.StatusTemporaryRedirect)
	})
	c := client(t, func(cfg *outbound.Config) { cfg.Redirects = 0 })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("/hook"), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusTemporaryRedirect {
		t.Error(resp.Status)
	}
	if req.Header.Get("User-Agent") != "" {
		t.Error("the caller's request was changed")
	}
	for _, raw := range []string{"http://" + here + "/", "ftp://example.org/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := c.Do(req); err == nil {
			resp.Body.Close()
			t.Errorf("%s was asked", raw)
		}
	}
}

func TestNothingIsInflated(t *testing.T) {
	s := serve(t, near+":0", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("compression is asked for: %v", r.Header)
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(make([]byte, 10*maxBytes))
		z.Close()
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("/hook"), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if data, err := io.ReadAll(resp.Body); err != nil || len(data) > maxBytes/10 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestCertificatesThatAreNotTrusted(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", near+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	s.Listener.Close()
	s.Listener, s.Config.ErrorLog = l, log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	if _, _, err := read(t, client(t), s.URL); !errors.Is(err, outbound.ErrUnreachable) || !strings.Contains(fault.From(err).Detail, "certificate") {
		t.Error(err)
	}
}
