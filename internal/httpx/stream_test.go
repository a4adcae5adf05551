package httpx_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"minilab/internal/httpx"
)

// streams serves streams that serve writes.
func streams(t *testing.T, serve func(context.Context, *httpx.Stream) error) (*httpx.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	rt := httpx.NewRouter(log)
	rt.Handle("GET /", func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "text/event-stream")
		if !httpx.Detach(w, r, serve) {
			t.Error("it cannot be detached")
		}
		return nil
	})
	s := httpx.Serve(t.Context(), httpx.NewConnections().Listener(l), rt, log)
	return s, "http://" + l.Addr().String()
}

func TestAStreamGoesOnUntilTheServiceStops(t *testing.T) {
	s, url := streams(t, func(ctx context.Context, out *httpx.Stream) error {
		_, _ = io.WriteString(out, "first\n")
		if err := out.Flush(); err != nil {
			return err
		}
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), httpx.ErrStopping) {
			t.Errorf("it ends with %v", context.Cause(ctx))
		}
		_, _ = io.WriteString(out, "last\n")
		return nil
	})
	resp, err := get(t, url+"/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	if line, err := r.ReadString('\n'); err != nil || line != "first\n" || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%q, %v, %v", line, err, resp.Header)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "last\n" {
		t.Errorf("the end is %q, %v", rest, err)
	}
}

func get(t *testing.T, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return http.DefaultTransport.RoundTrip(req)
}

// A defect of one stream cuts it, so that it does not look whole, and nothing else.
func TestAStreamThatPanics(t *testing.T) {
	s, url := streams(t, func(_ context.Context, out *httpx.Stream) error {
		_, _ = io.WriteString(out, "first\n")
		_ = out.Flush()
		panic("a defect")
	})
	for range 2 {
		resp, err := get(t, url+"/")
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(body) != "first\n" {
			t.Errorf("%q, %v", body, err)
		}
		resp.Body.Close()
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}
