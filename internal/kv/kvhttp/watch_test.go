package kvhttp_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/kv/kvhttp"
)

// scripted is a store whose watch yields what the test says, then waits.
type scripted struct {
	kv.Store
	events []kv.Event
	end    error
}

func (s scripted) Watch(ctx context.Context, _ string, _ int64) iter.Seq2[kv.Event, error] {
	return func(yield func(kv.Event, error) bool) {
		for _, e := range s.events {
			if !yield(e, nil) {
				return
			}
		}
		if s.end == nil {
			<-ctx.Done()
			s.end = context.Cause(ctx)
		}
		yield(kv.Event{}, s.end)
	}
}

var script = []kv.Event{
	{Entry: kv.Entry{Key: "a\n", Value: []byte("1"), Revision: 1, TTL: time.Second}},
	{Entry: kv.Entry{Key: "a\n", Revision: 2}, Deleted: true},
}

const scriptText = "retry: 1000\n\n" +
	"id: 1\nevent: put\ndata: {\"key\":\"a\\n\",\"value\":\"MQ==\",\"revision\":1,\"ttl\":\"1s\"}\n\n" +
	"id: 2\nevent: delete\ndata: {\"key\":\"a\\n\",\"revision\":2}\n\n"

// watchFor is what the handler writes within a time.
func watchFor(t *testing.T, s kv.Store, d time.Duration) *httptest.ResponseRecorder {
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, fault.ErrUnavailable)
	defer cancel()
	w := httptest.NewRecorder()
	routes(s).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/watch", nil))
	return w
}

func TestStreamOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchFor(t, scripted{events: script, end: kv.ErrCompacted}, time.Minute)
		want := scriptText + "event: error\ndata: {\"type\":\"/problems/compacted\""
		if !strings.HasPrefix(w.Body.String(), want) || w.Header().Get("Content-Type") != "text/event-stream" {
			t.Errorf("%v\n%s", w.Header(), w.Body)
		}
	})
}

func TestAWatchThatCannotBeginIsAProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if w := watchFor(t, scripted{end: kv.ErrCompacted}, time.Minute); w.Code != http.StatusGone {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestAnIdleStreamIsPinged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchFor(t, scripted{}, time.Minute+time.Second)
		if n := strings.Count(w.Body.String(), ": ping\n\n"); n != 4 || !w.Flushed {
			t.Errorf("%d pings in a minute:\n%s", n, w.Body)
		}
	})
}

func TestAStoppingServiceEndsItsStreams(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httpx.Serve(t.Context(), listener, routes(engine(t)), slog.New(slog.DiscardHandler))
	resp, err := http.Get("http://" + listener.Addr().String() + "/watch")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), `"code":"stopping"`) {
		t.Errorf("%v\n%s", err, body)
	}
}

// over is a client that is answered with a stream.
func over(body io.ReadCloser) *kvhttp.Client {
	return kvhttp.NewClient(httpx.NewClient("http://kv.invalid", roundTripper(func(r *http.Request) (*http.Response, error) {
		context.AfterFunc(r.Context(), func() { body.Close() })
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
	})))
}

func TestClientReadsAnyValidStream(t *testing.T) {
	text := "\n: comment\nevent: put\n\nid: 1\r\nevent:put\r\nretry: 5\r\ndata: {\"key\":\"a\",\r\ndata: \"value\":\"MQ==\",\"revision\":1}\r\n\r\n" +
		"event: later\ndata: {}\n\nevent: delete\ndata: {\"key\":\"a\",\"revision\":2}\nunknown\n\nevent: put\ndata: {\"key\":\"cut\""
	var got []kv.Event
	for e, err := range over(io.NopCloser(strings.NewReader(text))).Watch(t.Context(), "", 0) {
		if err != nil {
			if !errors.Is(err, fault.ErrUnavailable) || len(got) != 2 {
				t.Errorf("ended with %v after %+v", err, got)
			}
			break
		}
		got = append(got, e)
	}
	if len(got) != 2 || string(got[0].Value) != "1" || got[0].Revision != 1 || !got[1].Deleted {
		t.Errorf("%+v", got)
	}
}

func TestClientRefusesNonsense(t *testing.T) {
	for name, text := range map[string]string{
		"a line without end":  "data: " + strings.Repeat("x", 4*kv.MaxValue),
		"data without end":    strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", 4000),
		"no JSON":             "event: put\ndata: x\n\n",
		"no TTL":              "event: put\ndata: {\"key\":\"a\",\"revision\":1,\"ttl\":\"x\"}\n\n",
		"an error, not JSON":  "event: error\ndata: x\n\n",
		"an end with no data": "event: put\n\n",
	} {
		for e, err := range over(io.NopCloser(strings.NewReader(text))).Watch(t.Context(), "", 0) {
			if err == nil {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
}

func TestClientGivesUpASilentStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		body, server := io.Pipe()
		go func() { // pings for a while and goes silent
			for range 10 {
				time.Sleep(15 * time.Second)
				if _, err := io.WriteString(server, ": ping\n\n"); err != nil {
					t.Error(err)
				}
			}
		}()
		for _, err := range over(body).Watch(t.Context(), "", 0) {
			if after := time.Since(begun); !errors.Is(err, fault.ErrUnavailable) || after != (150+45)*time.Second {
				t.Errorf("%v after %v", err, after)
			}
		}
	})
}

func TestClientWaitsForItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body, server := io.Pipe()
		go func() {
			_, err := io.WriteString(server, scriptText)
			if err := errors.Join(err, server.Close()); err != nil {
				t.Error(err)
			}
		}()
		var got []kv.Event
		for e, err := range over(body).Watch(t.Context(), "", 0) {
			if err != nil {
				break
			}
			got = append(got, e)
			time.Sleep(time.Hour) // work on the event
		}
		if len(got) != 2 {
			t.Errorf("%+v", got)
		}
	})
}

func TestEventsComeAtOnce(t *testing.T) {
	store := engine(t)
	server := httptest.NewServer(routes(store))
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/watch?prefix=a/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r) // the head comes before there is an event
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for _, key := range []string{"a/1", "b/1", "a/2"} {
		if _, _, err := store.Put(t.Context(), key, nil, kv.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		for strings.HasPrefix(key, "a/") && lines.Scan() && !strings.Contains(lines.Text(), key) {
		}
	}
	if lines.Err() != nil || !strings.Contains(lines.Text(), "a/2") {
		t.Errorf("%v, last line %q", lines.Err(), lines.Text())
	}
}
