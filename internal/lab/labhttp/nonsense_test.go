package labhttp_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
)

// TestRefusedWorkIsNotGiven beside the error either: a worker begins all that
// it gets, and what was leased for a repeated request comes with its answer.
func TestRefusedWorkIsNotGiven(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"work":[{"id":"a","lease":"1.x","leaseSeconds":30,"deadlineSeconds":60},
			{"id":"b","lease":"1.x","leaseSeconds":30,"deadlineSeconds":60}]}`)
	}))
	defer srv.Close()
	l := labhttp.NewClient(httpx.NewClient(srv.URL, httpx.NewTransport()))
	if list, err := l.Claim(t.Context(), lab.ClaimRequest{Worker: "w", Max: 1}); err == nil || len(list) > 0 {
		t.Errorf("got %d works and the error %v", len(list), err)
	}
}

// TestNonsenseOfABoard is refused: places before the first, a feed that ends
// before it began.
func TestNonsenseOfABoard(t *testing.T) {
	answer := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
	defer srv.Close()
	l := labhttp.NewClient(httpx.NewClient(srv.URL, httpx.NewTransport()))
	places := func() error {
		_, err := l.Places(t.Context(), []string{"a"})
		return err
	}
	stats := func() error {
		_, err := l.Stats(t.Context())
		return err
	}
	for _, c := range []struct {
		answer string
		ask    func() error
		bad    bool
	}{
		{`{"places":[{"ahead":0}]}`, places, false},
		{`{"places":[{"ahead":-1}]}`, places, true},
		{`{"places":[{"ahead":1,"seconds":-0.5}]}`, places, true},
		{`{"places":[]}`, places, true},
		{`{"lastSeq":3}`, stats, false},
		{`{"lastSeq":-3}`, stats, true},
	} {
		answer = c.answer
		if err := c.ask(); errors.Is(err, httpx.ErrNonsense) != c.bad || !c.bad && err != nil {
			t.Errorf("%s: %v", c.answer, err)
		}
	}
}
