package outbound_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/outbound"
)

const maxBytes = 64 << 10

// TestMain names a proxy where nobody listens, before anybody asks for it.
func TestMain(m *testing.M) {
	os.Setenv("HTTP_PROXY", "http://127.0.0.9:1")
	os.Exit(m.Run())
}

// The allowed half of the machine, and the forbidden one.
const (
	near = "127.0.0.2"
	here = "127.0.0.1"
)

func client(t *testing.T, change ...func(*outbound.Config)) *outbound.Client {
	t.Helper()
	cfg := outbound.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix(near + "/32")}, Redirects: 5, MaxBytes: maxBytes, Total: time.Minute, Agent: "minilab-test",
	}
	for _, f := range change {
		f(&cfg)
	}
	c := outbound.New(cfg)
	t.Cleanup(c.Close)
	return c
}

// site serves at an address, and counts who connects.
type site struct {
	*http.Server
	addr  string
	conns atomic.Int64
}

func serve(t *testing.T, addr string, h http.HandlerFunc) *site {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{addr: l.Addr().String()}
	s.Server = &http.Server{Handler: h, ConnState: func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			s.conns.Add(1)
		}
	}}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Server.Close() })
	return s
}

func (s *site) url(path string) string { return "http://" + s.addr + path }

// read opens a URL and reads it to its end.
func read(t *testing.T, c *outbound.Client, rawURL string) ([]byte, int64, error) {
	t.Helper()
	body, size, err := c.Open(t.Context(), rawURL)
	if err != nil {
		return nil, 0, err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return data, size, err
}

func TestBytesAreHandedOn(t *testing.T) {
	photo := bytes.Repeat([]byte("photo"), maxBytes/5)
	s := serve(t, near+":0", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" || r.UserAgent() != "minilab-test" || r.Header.Get("Cookie") != "" {
			t.Errorf("asked with %v", r.Header)
		}
		if r.URL.RawQuery == "sized" {
			w.Header().Set("Content-Length", fmt.Sprint(len(photo)))
		}
		w.Header().Set("Set-Cookie", "a=b")
		_, _ = w.Write(photo)
	})
	c := client(t)
	for query, want := range map[string]int64{"sized": int64(len(photo)), "": -1} {
		data, size, err := read(t, c, s.url("/a%2Fb?"+query+"#fragment"))
		if err != nil || size != want || !bytes.Equal(data, photo) {
			t.Errorf("%q: %d bytes of size %d, %v", query, len(data), size, err)
		}
	}
}

func TestForbiddenAddressesAreNotConnectedTo(t *testing.T) {
	s := serve(t, here+":0", func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	closed := serve(t, here+":0", func(http.ResponseWriter, *http.Request) {})
	_ = closed.Server.Close()
	c := client(t, resolving(func(string, int) string { return here }))
	_, port, _ := net.SplitHostPort(s.addr)
	_, closedPort, _ := net.SplitHostPort(closed.addr)
	var told []string
	for _, raw := range []string{
		s.url("/"), closed.url("/"), "https://" + s.addr, "http://photos.test:" + port, "http://photos.test:" + closedPort,
		"http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port, "http://2130706433:" + port, "http://127.0.0.1:" + port,
	} {
		_, _, err := read(t, c, raw)
		f := fault.From(err)
		if !errors.Is(err, outbound.ErrAddress) {
			t.Errorf("%s: %v", raw, err)
		}
		told = append(told, f.Code+f.Title+f.Detail)
	}
	for _, text := range told {
		if text != told[0] || strings.Contains(text, "127") {
			t.Errorf("told %q and %q", told[0], text)
		}
	}
	if n := s.conns.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestNamesThatDoNotExistLookForbidden(t *testing.T) {
	c := client(t, resolving(func(name string, _ int) string {
		if name == "internal.test." {
			return "10.0.0.1"
		}
		return ""
	}))
	_, _, missing := read(t, c, "http://missing.test/")
	_, _, internal := read(t, c, "http://internal.test/")
	if m, i := fault.From(missing), fault.From(internal); m.Code != outbound.ErrAddress.Code || m.Code != i.Code || m.Detail != i.Detail {
		t.Errorf("%v and %v", missing, internal)
	}
}

func TestNameThatChangesItsMind(t *testing.T) {
	var port string
	trusting := serve(t, near+":0", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		http.Redirect(w, r, "http://rebinding.test:"+port+"/secret", http.StatusFound)
	})
	_, port, _ = net.SplitHostPort(trusting.addr)
	secret := serve(t, here+":"+port, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	asked := 0
	c := client(t, resolving(func(_ string, n int) string {
		asked = n
		if n == 0 {
			return near
		}
		return here
	}))
	if _, _, err := read(t, c, "http://rebinding.test:"+port); !errors.Is(err, outbound.ErrAddress) {
		t.Error(err)
	}
	if asked != 1 || trusting.conns.Load() != 1 || secret.conns.Load() != 0 {
		t.Errorf("looked up %d times again; %d and %d connections", asked, trusting.conns.Load(), secret.conns.Load())
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	s := serve(t, near+":0", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") })
	_, port, _ := net.SplitHostPort(s.addr)
	c := client(t, resolving(func(string, int) string { return near }))
	if data, _, err := read(t, c, "http://photos.test:"+port); err != nil || string(data) != "direct" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestNobodyThere(t *testing.T) {
	s := serve(t, near+":0", func(http.ResponseWriter, *http.Request) {})
	_ = s.Server.Close()
	_, _, err := read(t, client(t), s.url("/"))
	if !errors.Is(err, outbound.ErrUnreachable) || strings.Contains(fault.From(err).Detail, near) {
		t.Error(err)
	}
	plain := serve(t, near+":0", func(http.ResponseWriter, *http.Request) {})
	if _, _, err := read(t, client(t), "https://"+plain.addr); !errors.Is(err, outbound.ErrUnreachable) {
		t.Errorf("TLS with who speaks none: %v", err)
	}
}

func TestCallerWhoGivesUp(t *testing.T) {
	gone := errors.New("gone")
	for _, path := range []string{"/header", "/body"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		s := serve(t, near+":0", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/header" {
				cancel(gone)
			}
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		body, _, err := client(t).Open(ctx, s.url(path))
		if err == nil {
			cancel(gone)
			_, err = io.ReadAll(body)
			body.Close()
		}
		if !errors.Is(err, gone) || errors.Is(err, outbound.ErrUnreachable) || errors.Is(err, outbound.ErrCut) {
			t.Errorf("%s: the source is blamed: %v", path, err)
		}
	}
}
