package client_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"minilab/client"
)

// transport answers without a network, so that time can be had for nothing.
type transport func(r *http.Request) *http.Response

// RoundTrip implements http.RoundTripper.
func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// stuck sends a beginning, and then nothing until its request ends.
type stuck struct {
	*strings.Reader
	r *http.Request
}

// Read implements io.Reader.
func (s stuck) Read(p []byte) (int, error) {
	if n, err := s.Reader.Read(p); err == nil {
		return n, nil
	}
	<-s.r.Context().Done()
	return 0, s.r.Context().Err()
}

// TestWhatStopsIsAskedForAgain: a connection that is neither alive nor dead.
func TestWhatStopsIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, began := 0, time.Now()
		c, err := client.New("http://lab", client.WithHTTP(&http.Client{Transport: transport(func(r *http.Request) *http.Response {
			resp := &http.Response{StatusCode: http.StatusOK, ContentLength: 10, Header: http.Header{"Etag": {`"e"`}, "Repr-Digest": {digest("0123456789")}}}
			if asked++; asked == 1 {
				resp.Body = io.NopCloser(stuck{strings.NewReader("0123"), r})
				return resp
			}
			resp.StatusCode, resp.ContentLength = http.StatusPartialContent, 6
			resp.Header.Set("Content-Range", "bytes 4-9/10")
			resp.Body = io.NopCloser(strings.NewReader("456789"))
			return resp
		})}))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := c.Result(t.Context(), "t1", "", &got); err != nil || got.String() != "0123456789" {
			t.Errorf("%q, %v", &got, err)
		}
		if took := time.Since(began); asked != 2 || took < time.Minute || took > 2*time.Minute {
			t.Errorf("asked %d times in %v", asked, took)
		}
	})
}

// TestPatience: it ends, and pauses grow on the way.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, told, began := 0, 0, time.Now()
		c, err := client.New("http://lab", client.WithHTTP(&http.Client{Transport: transport(func(*http.Request) *http.Response {
			asked++
			return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody}
		})}), client.WithWaiting(func(err error, until time.Time) {
			if told++; client.CodeOf(err) != "http-502" || !until.After(time.Now()) || until.After(time.Now().Add(5*time.Second)) {
				t.Errorf("waits until %v for %v", until, err)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Task(t.Context(), "t1"); client.CodeOf(err) != "http-502" {
			t.Error(err)
		}
		if told != asked-1 {
			t.Errorf("asked %d times and told of %d", asked, told)
		}
		if took := time.Since(began); asked < 15 || asked > 40 || took < 50*time.Second || took > time.Minute {
			t.Errorf("asked %d times in %v", asked, took)
		}
	})
}

// TestRetryAfterBeyondPatience is an answer, not a long sleep.
func TestRetryAfterBeyondPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c, err := client.New("http://lab", client.WithHTTP(&http.Client{Transport: transport(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"3600"}}, Body: http.NoBody}
		})}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Task(t.Context(), "t1"); client.CodeOf(err) != "http-503" || time.Since(began) > 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
