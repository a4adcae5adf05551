package httpx_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/httpx"
)

// bodies answers with the length of a body, and gives the error of reading it
// to the test.
func bodies(t *testing.T, max int64, idle time.Duration) (addr string, errs <-chan error) {
	t.Helper()
	got := make(chan error, 1)
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	rt.Handle("POST /", func(w http.ResponseWriter, r *http.Request) error {
		n, err := io.Copy(io.Discard, httpx.Body(w, r, max, idle))
		got <- err
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(w, n)
		return err
	})
	server := httptest.NewServer(rt)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), got
}

func dial(t *testing.T, addr, text string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func status(t *testing.T, conn net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestBodyThatStopsIsGivenUp(t *testing.T) {
	for name, text := range map[string]string{
		"announced": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
		"chunked":   "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"at once":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			addr, errs := bodies(t, 0, 20*time.Millisecond)
			conn := dial(t, addr, text)
			if err := <-errs; !errors.Is(err, httpx.ErrBodyIdle) {
				t.Errorf("reading gives %v", err)
			}
			if got := status(t, conn); got != http.StatusRequestTimeout {
				t.Errorf("answered %d", got)
			}
		})
	}
}

func TestBodyThatIsCut(t *testing.T) {
	addr, errs := bodies(t, 0, time.Minute)
	conn := dial(t, addr, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; !errors.Is(err, httpx.ErrBodyCut) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("reading gives %v", err)
	}
	if got := status(t, conn); got != http.StatusBadRequest {
		t.Errorf("answered %d", got)
	}
}

func TestBodyOverTheLimit(t *testing.T) {
	const limit = 1000
	for name, chunked := range map[string]bool{"announced": false, "chunked": true} {
		for n, want := range map[int]int{0: 200, limit - 1: 200, limit: 200, limit + 1: 413, 100 * limit: 413} {
			addr, errs := bodies(t, limit, time.Minute)
			var r io.Reader = strings.NewReader(strings.Repeat("x", n))
			if chunked {
				r = io.MultiReader(r) // hides its length
			}
			resp, err := http.Post("http://"+addr, "", r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if err := <-errs; resp.StatusCode != want || (err != nil) != errors.Is(err, fault.ErrTooLarge) {
				t.Errorf("%s, %d bytes: answered %d after %v, want %d", name, n, resp.StatusCode, err, want)
			}
		}
	}
}

func TestRefusalComesBeforeTheBody(t *testing.T) {
	addr, _ := bodies(t, 10, time.Minute)
	conn := dial(t, addr, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
	if got := status(t, conn); got != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d", got)
	}
}

// deadlines is a connection that notes its read deadlines.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

func TestBodyLeavesNoDeadlineBehind(t *testing.T) {
	w := &deadlines{ResponseWriter: httptest.NewRecorder()}
	start := time.Now()
	body := httpx.Body(w, httptest.NewRequest("POST", "/", strings.NewReader("abc")), 0, time.Minute)
	if _, err := io.ReadAll(body); err != nil {
		t.Fatal(err)
	}
	last := len(w.set) - 1
	for _, at := range w.set[:last] {
		if at.Before(start.Add(time.Minute)) {
			t.Errorf("a read may last until %v", at)
		}
	}
	if last < 2 || !w.set[last].IsZero() {
		t.Errorf("deadlines were %v", w.set)
	}
	if n, err := body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("reading on gives %d, %v", n, err)
	}
}
