package httpx_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"minilab/internal/httpx"
)

// serve starts a server with the routes that add adds, and gives its address.
func serve(t *testing.T, add func(*httpx.Router)) (*httpx.Server, string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	rt := httpx.NewRouter(log, httpx.WithRequestID)
	add(rt)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := httpx.Serve(t.Context(), l, rt, log)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
	})
	return s, l.Addr().String()
}

// raw sends text as it is and gives the answer's status and body.
func raw(t *testing.T, addr, text string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.40q: %v", text, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func TestRefusalsDoNotWaitForABodyThatNeverComes(t *testing.T) {
	_, addr := serve(t, func(rt *httpx.Router) {
		rt.Handle("POST /refuse", func(http.ResponseWriter, *http.Request) error { return httpx.ErrParameter })
	})
	for request, want := range map[string]int{
		"POST /nowhere": 404, "DELETE /refuse": 405, "POST /refuse": 400,
	} {
		got, body := raw(t, addr, request+" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
		if got != want || !strings.Contains(body, `"code"`) {
			t.Errorf("%s: %d %s", request, got, body)
		}
	}
}

func TestStoppingEndsWhatWaitsAndLetsStreamsGoOn(t *testing.T) {
	waiting, reading := make(chan struct{}), make(chan struct{})
	s, addr := serve(t, func(rt *httpx.Router) {
		rt.Handle("GET /wait", httpx.Waiting(func(_ http.ResponseWriter, r *http.Request) error {
			close(waiting)
			<-r.Context().Done()
			return context.Cause(r.Context())
		}))
		rt.Handle("POST /upload", func(w http.ResponseWriter, r *http.Request) error {
			close(reading)
			data, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			return httpx.WriteJSON(w, http.StatusOK, len(data))
		})
	})
	type answer struct {
		status int
		retry  string
	}
	waited, uploaded := make(chan answer, 1), make(chan answer, 1)
	send := func(method, path string, body io.Reader, to chan answer) {
		req, err := http.NewRequest(method, "http://"+addr+path, body)
		if err != nil {
			t.Error(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			to <- answer{}
			return
		}
		resp.Body.Close()
		to <- answer{resp.StatusCode, resp.Header.Get("Retry-After")}
	}
	body, sender := io.Pipe()
	go send(http.MethodGet, "/wait", nil, waited)
	go send(http.MethodPost, "/upload", body, uploaded)
	fmt.Fprint(sender, "first ")
	<-waiting
	<-reading
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(t.Context()) }()
	if got := <-waited; got.status != http.StatusServiceUnavailable || got.retry == "" {
		t.Errorf("who waited was answered %+v", got)
	}
	fmt.Fprint(sender, "second")
	sender.Close()
	if got := <-uploaded; got.status != http.StatusOK {
		t.Errorf("the upload was answered %+v", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestACallerThatGoesIsNoticedAfterItsBodyWasRead(t *testing.T) {
	gone := make(chan struct{})
	started := make(chan struct{})
	_, addr := serve(t, func(rt *httpx.Router) {
		rt.Handle("POST /poll", func(_ http.ResponseWriter, r *http.Request) error {
			if _, err := io.ReadAll(r.Body); err != nil {
				return err
			}
			close(started)
			<-r.Context().Done()
			close(gone)
			return r.Context().Err()
		})
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /poll HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	<-started
	conn.Close()
	<-gone
}
