package discovery_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"minilab/internal/discovery"
	"minilab/internal/fault"
	"minilab/internal/httpx"
)

// deadURL is the base of a port that nobody listens on.
func deadURL(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// echo answers with its name and the body it got.
func echo(t *testing.T, name string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write([]byte(name + ":" + string(body)))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func call(t *testing.T, c *httpx.Client, body io.Reader) (string, error) {
	t.Helper()
	resp, err := c.Do(t.Context(), httpx.Request{Method: http.MethodPost, Path: "/x", Body: body, Size: -1})
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}

func balanced(urls ...string) *httpx.Client {
	return httpx.NewClient("http://storage", discovery.NewBalancer(httpx.NewTransport(), func(string) []string { return urls }))
}

func TestInstancesTakeTurns(t *testing.T) {
	c := balanced(echo(t, "a"), echo(t, "b"))
	seen := map[string]int{}
	for range 10 {
		got, err := call(t, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[got]++
	}
	if seen["a:"] != 5 || seen["b:"] != 5 {
		t.Errorf("calls went to %v", seen)
	}
}

func TestDeadInstanceIsLeftAtOnceWithTheBodyWhole(t *testing.T) {
	c := balanced(deadURL(t), echo(t, "b"), deadURL(t))
	for range 20 {
		got, err := call(t, c, &closable{Reader: io.MultiReader(strings.NewReader("bo"), strings.NewReader("dy"))})
		if err != nil || got != "b:body" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

// closable is a body that cannot be read once it is closed.
type closable struct {
	io.Reader
	closed atomic.Bool
}

func (c *closable) Read(p []byte) (int, error) {
	if c.closed.Load() {
		return 0, errors.New("read after close")
	}
	return c.Reader.Read(p)
}

func (c *closable) Close() error {
	c.closed.Store(true)
	return nil
}

func TestNothingThatListensIsUnavailable(t *testing.T) {
	for _, c := range []*httpx.Client{balanced(), balanced(deadURL(t)), balanced(deadURL(t), deadURL(t))} {
		if _, err := call(t, c, nil); !errors.Is(err, fault.ErrUnavailable) {
			t.Errorf("error is %v", err)
		}
	}
}

// countingCloser counts how often it is closed.
type countingCloser struct {
	io.Reader
	closed chan struct{}
}

func (c countingCloser) Close() error {
	c.closed <- struct{}{}
	return nil
}

func TestARequestThatWasSentIsNotSentAgain(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(cut.Close)
	hits := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	t.Cleanup(other.Close)
	turn := 0
	c := httpx.NewClient("http://storage", discovery.NewBalancer(httpx.NewTransport(), func(string) []string {
		turn++
		if turn == 1 {
			return []string{cut.URL}
		}
		return []string{other.URL}
	}))
	if _, err := call(t, c, strings.NewReader("body")); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
	if hits != 0 {
		t.Error("the request was sent a second time")
	}
}

func TestBodyIsClosedWhateverHappens(t *testing.T) {
	for _, urls := range [][]string{{}, {deadURL(t)}, {deadURL(t), echo(t, "a")}, {echo(t, "a")}} {
		rt := discovery.NewBalancer(httpx.NewTransport(), func(string) []string { return urls })
		body := countingCloser{bytes.NewReader([]byte("x")), make(chan struct{}, 10)}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://storage/x", body)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := rt.RoundTrip(r); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		<-body.closed
	}
}
