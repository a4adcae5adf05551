package client_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/client"
)

// liar is a server whose answers are a list of what it does, one for each
// request; the last one is repeated.
type liar struct {
	mu      sync.Mutex
	answers []http.HandlerFunc
	asked   []*http.Request
	bodies  []string
}

func newLiar(t *testing.T, answers ...http.HandlerFunc) (*liar, *client.Client) {
	t.Helper()
	l := &liar{answers: answers}
	s := httptest.NewServer(l)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.WithKey("mlk_secret"), client.WithPatience(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

// ServeHTTP implements http.Handler.
func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	answer := l.answers[min(len(l.asked), len(l.answers)-1)]
	l.asked, l.bodies = append(l.asked, r), append(l.bodies, string(body))
	l.mu.Unlock()
	answer(w, r)
}

// requests are how many there were.
func (l *liar) requests() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.asked)
}

// says answers with a status and a body, which is a problem from 400 on.
func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if status >= http.StatusBadRequest && strings.HasPrefix(body, "{") {
			w.Header().Set("Content-Type", "application/problem+json")
		}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// cutAfter sends n bytes of what it has promised.
func cutAfter(n int, content string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := 0
		w.Header().Set("ETag", `"e1"`)
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Repr-Digest", digest(content))
		if r.Header.Get("If-Range") == `"e1"` {
			_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		}
		rest := content[from:]
		w.Header().Set("Content-Length", fmt.Sprint(len(rest)))
		if from > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = io.WriteString(w, rest[:min(n, len(rest))])
		if n < len(rest) {
			panic(http.ErrAbortHandler)
		}
	}
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// hangUp closes the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

const done = `{"id":"t1","state":"finished"}`
