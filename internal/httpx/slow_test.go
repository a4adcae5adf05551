package httpx_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"minilab/internal/httpx"
)

// pipes is a listener whose connections have no buffers, so that who reads
// nothing is noticed at once.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// connect gives the other end of a new connection.
func (p pipes) connect() net.Conn {
	near, far := net.Pipe()
	p <- near
	return far
}

// lifetime serves within a bubble, in which time passes when everybody waits,
// and gives how long a connection lives that use has its way with.
func lifetime(t *testing.T, use func(c net.Conn)) (lived time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		rt := httpx.NewRouter(log)
		rt.Handle("GET /large", func(w http.ResponseWriter, _ *http.Request) error {
			return httpx.WriteJSON(w, http.StatusOK, strings.Repeat("x", 1<<20))
		})
		rt.Handle("POST /body", func(_ http.ResponseWriter, r *http.Request) error {
			_, err := io.Copy(io.Discard, r.Body)
			return err
		})
		rt.Handle("GET /stream", func(w http.ResponseWriter, r *http.Request) error {
			httpx.Detach(w, r, func(_ context.Context, s *httpx.Stream) error {
				_, _ = io.WriteString(s, "event")
				return s.Flush()
			})
			return nil
		})
		l := make(pipes)
		s := httpx.Serve(t.Context(), httpx.NewConnections().Listener(l), rt, log)
		c := l.connect()
		began := time.Now()
		use(c)
		lived = time.Since(began)
		_ = c.Close()
		if err := s.Shutdown(t.Context()); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		<-time.After(time.Hour) // whoever still sends has noticed by then
	})
	return lived
}

// drain reads until the connection ends.
func drain(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// drip sends text byte by byte, one each pause, until the connection ends.
func drip(c net.Conn, pause time.Duration, head, again string) {
	go func() {
		_, err := io.WriteString(c, head)
		for err == nil {
			<-time.After(pause)
			_, err = io.WriteString(c, again)
		}
	}()
	drain(c)
}

func TestSlowClientsAreCut(t *testing.T) {
	for _, test := range []struct {
		name string
		use  func(net.Conn)
		want time.Duration // and not ten seconds more
	}{
		{"nothing is sent", drain, 10 * time.Second},
		{"headers byte by byte", func(c net.Conn) { drip(c, time.Second, "GET / HTTP/1.1\r\nX: ", "a") }, 10 * time.Second},
		{"headers line by line", func(c net.Conn) { drip(c, time.Second, "GET / HTTP/1.1\r\n", "X: y\r\n") }, 10 * time.Second},
		{"a second request that does not come", func(c net.Conn) {
			go func() { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") }()
			drain(c)
		}, 2 * time.Minute},
		{"a second request byte by byte", func(c net.Conn) {
			drip(c, time.Second, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "G")
		}, 13 * time.Second},
		{"a body that stops", func(c net.Conn) {
			go func() { _, _ = io.WriteString(c, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc") }()
			drain(c)
		}, time.Minute},
		{"a body of a byte a second", func(c net.Conn) {
			drip(c, time.Second, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", "a")
		}, time.Minute},
		{"a body of a byte in 50 seconds", func(c net.Conn) {
			drip(c, 50*time.Second, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", "a")
		}, time.Minute},
		{"an answer that nobody reads", func(c net.Conn) {
			_, _ = io.WriteString(c, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
			_, _ = io.ReadFull(c, make([]byte, 100))
			<-time.After(189 * time.Second) // a minute, and a second for each 8 KiB
			if n, _ := io.Copy(io.Discard, c); n > 8<<10 {
				panic("it goes on")
			}
		}, 189 * time.Second},
		{"a stream whose head nobody reads", func(c net.Conn) {
			_, _ = io.WriteString(c, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
			<-time.After(61 * time.Second)
			if rest, _ := io.ReadAll(c); len(rest) > 0 {
				panic("it goes on without its head: " + string(rest))
			}
		}, 61 * time.Second},
	} {
		if got := lifetime(t, test.use); got < test.want || got > test.want+10*time.Second {
			t.Errorf("%s: cut after %v, want %v", test.name, got, test.want)
		}
	}
}

func TestBodyThatIsSlowButNotTooSlowIsTaken(t *testing.T) {
	got := lifetime(t, func(c net.Conn) {
		go func() {
			_, _ = io.WriteString(c, "POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 409600\r\n\r\n")
			for range 200 {
				<-time.After(time.Second)
				_, _ = io.WriteString(c, strings.Repeat("x", 2048))
			}
		}()
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != http.StatusOK {
			panic("not taken")
		}
	})
	if got < 200*time.Second {
		t.Errorf("it took %v", got)
	}
}
