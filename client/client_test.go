package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"minilab/client"
)

func TestServerIsAURL(t *testing.T) {
	for _, text := range []string{"", "127.0.0.1:8080", "ftp://x", "http://", "http://u:hidden@x", "http://x?a=b", "http://x#f", "http://u:hidden@%zz"} {
		if _, err := client.New(text); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("New(%q): %v", text, err)
		}
	}
	if _, err := client.New("http://x", client.WithKey("hid\nden")); err == nil || strings.Contains(err.Error(), "den") {
		t.Errorf("a key of two lines: %v", err)
	}
	if c, err := client.New("https://example.org/lab/"); err != nil || c.Server != "https://example.org/lab" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestErrorsAreTheLabs(t *testing.T) {
	l, c := newLiar(t, says(404, `{"code":"not-found","title":"not found","detail":"no such task","requestId":"r1","status":200}`))
	_, err := c.Task(t.Context(), "../x")
	var e *client.Error
	if !errors.As(err, &e) || *e != (client.Error{Status: 404, Code: client.CodeNotFound, Title: "not found", Detail: "no such task", RequestID: "r1"}) {
		t.Fatalf("%#v", err)
	}
	if client.CodeOf(err) != client.CodeNotFound || client.CodeOf(io.EOF) != "" {
		t.Error("CodeOf does not see the code")
	}
	r := l.asked[0]
	if r.URL.EscapedPath() != "/api/v1/tasks/..%2Fx" || r.Header.Get("Authorization") != "Bearer mlk_secret" {
		t.Errorf("it asked %s with %v", r.URL.EscapedPath(), r.Header)
	}
	if l.requests() != 1 {
		t.Errorf("%d requests", l.requests())
	}
}

func TestAnswersThatAreNotTheLabs(t *testing.T) {
	for name, x := range map[string]struct {
		answer http.HandlerFunc
		code   client.Code
		asked  int // 0: often
	}{
		"a proxy's page":  {says(404, "<html>"), "http-404", 1},
		"a redirect loop": {says(302, "", "Location", "/api/v1/tasks/t1"), client.CodeRedirected, 1},
		"another's site":  {says(307, "", "Location", "http://elsewhere.example/"), client.CodeRedirected, 1},
		"out of order":    {says(500, `{"code":"internal"}`), "internal", 0},
		"a dead backend":  {says(502, "bad"), "http-502", 0},
		"no JSON":         {says(200, "<html>"), "", 1},
		"half of JSON":    {says(200, `{"id":"t`), "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, c := newLiar(t, x.answer)
			c, err := client.New(c.Server, client.WithPatience(500*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Task(t.Context(), "t1")
			if err == nil || client.CodeOf(err) != x.code {
				t.Errorf("%v", err)
			}
			if n := l.requests(); x.asked > 0 && n != x.asked || x.asked == 0 && n < 3 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestASubmissionIsSentAgain: with the same bytes and the same key.
func TestASubmissionIsSentAgain(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"busy":         says(429, `{"code":"queue-full"}`, "Retry-After", "1"),
		"stopping":     says(503, `{"code":"stopping"}`),
		"out of order": says(500, `{"code":"internal"}`),
		"hung up":      hangUp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "in")
			if err := os.WriteFile(path, []byte("all the bytes"), 0o600); err != nil {
				t.Fatal(err)
			}
			for source, image := range map[string]client.Image{
				"file": client.File(path), "reader": client.Stream(bytes.NewReader([]byte("all the bytes"))),
			} {
				l, c := newLiar(t, first, first, says(200, done))
				began := time.Now()
				task, err := c.Submit(t.Context(), image, client.Order{Pipeline: "swap/webp:80", Tags: []string{"a", "b c"}, Keep: 48 * time.Hour})
				if err != nil || task.ID != "t1" || l.requests() != 3 {
					t.Fatalf("%s: %v %v after %d", source, task, err, l.requests())
				}
				if name == "busy" && time.Since(began) < 2*time.Second {
					t.Errorf("it did not wait as long as Retry-After says: %v", time.Since(began))
				}
				key := l.asked[0].Header.Get("Idempotency-Key")
				for i, r := range l.asked {
					if l.bodies[i] != "all the bytes" || r.Header.Get("Idempotency-Key") != key || len(key) < 20 {
						t.Errorf("%s: request %d has %q and key %q", source, i, l.bodies[i], r.Header.Get("Idempotency-Key"))
					}
					if got := r.URL.Query().Encode(); got != "keep=48h0m0s&pipeline=swap%2Fwebp%3A80&tag=a&tag=b+c" {
						t.Errorf("%s: it asks %s", source, got)
					}
				}
			}
		})
	}
}

// TestAPipeIsSentOnce: nobody can read its bytes again.
func TestAPipeIsSentOnce(t *testing.T) {
	l, c := newLiar(t, says(503, `{"code":"stopping"}`), says(200, done))
	_, err := c.Submit(t.Context(), client.Stream(io.MultiReader(strings.NewReader("once"))), client.Order{})
	if client.CodeOf(err) != "stopping" || l.requests() != 1 {
		t.Errorf("%v after %d requests", err, l.requests())
	}
}

func TestAnUnreadableImageIsNotSentAgain(t *testing.T) {
	broken := errors.New("the card is broken")
	for name, image := range map[string]client.Image{
		"missing": client.File(filepath.Join(t.TempDir(), "none")),
		"folder":  client.File(t.TempDir()),
		"breaks":  client.Stream(io.MultiReader(strings.NewReader("some"), errReader{broken})),
		"none":    {},
	} {
		l, c := newLiar(t, says(200, done))
		_, err := c.Submit(t.Context(), image, client.Order{})
		if err == nil || client.CodeOf(err) != "" || l.requests() > 1 {
			t.Errorf("%s: %v after %d requests", name, err, l.requests())
		}
		if name == "breaks" && !errors.Is(err, broken) {
			t.Errorf("%v is not why", err)
		}
		if name == "missing" && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v is not why", err)
		}
	}
}

type errReader struct{ err error }

// Read implements io.Reader.
func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestNobodyIsThere(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := gone.Addr().String()
	gone.Close()
	c, err := client.New("http://"+address, client.WithPatience(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.New("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	impatient, _ := client.New("http://"+address, client.WithPatience(0))
	if _, err := impatient.Task(t.Context(), "t1"); err == nil {
		t.Fatal("somebody is there")
	}
	// It comes back: a server at the same address, after the first attempt.
	back := make(chan net.Listener, 1)
	time.AfterFunc(300*time.Millisecond, func() {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			close(back)
			return
		}
		back <- ln
		_ = http.Serve(ln, says(200, done)) //nolint:gosec // for this test
	})
	task, err := c.Submit(t.Context(), client.Stream(strings.NewReader("x")), client.Order{})
	if ln := <-back; ln != nil {
		defer ln.Close()
	}
	if err != nil || task.State != client.Finished {
		t.Errorf("%v, %v", task, err)
	}
}

// TestWaitingMakesNoLabOfIt: what answers is not to be trusted, or speaks no TLS.
func TestWaitingMakesNoLabOfIt(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it says that it was not trusted
	s.StartTLS()
	t.Cleanup(s.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for url, is := range map[string]func(error) bool{
		s.URL: func(err error) bool { return errors.As(err, new(*tls.CertificateVerificationError)) },
		strings.Replace(plain.URL, "http:", "https:", 1): func(err error) bool { return errors.Is(err, http.ErrSchemeMismatch) },
	} {
		waited := 0
		c, err := client.New(url, client.WithWaiting(func(error, time.Time) { waited++ }), client.WithPatience(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Task(t.Context(), "t1"); !is(err) || waited > 0 {
			t.Errorf("waited %d times for %v", waited, err)
		}
	}
}

func TestTheContextEndsEverything(t *testing.T) {
	_, c := newLiar(t, says(503, `{"code":"stopping"}`, "Retry-After", "1"))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := c.Task(ctx, "t1"); !errors.Is(err, context.DeadlineExceeded) || client.CodeOf(err) != "stopping" || time.Since(began) > 3*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// TestWaitDoesNotRace: a server that does not wait is not asked all the time.
func TestWaitDoesNotRace(t *testing.T) {
	l, c := newLiar(t, says(200, `{"id":"t1","state":"in-progress"}`), says(200, done))
	began := time.Now()
	task, err := c.Wait(t.Context(), "t1")
	if err != nil || !task.State.Ended() || l.requests() != 2 || time.Since(began) < 900*time.Millisecond {
		t.Errorf("%v, %v: %d requests in %v", task, err, l.requests(), time.Since(began))
	}
}

func TestEmptyNamesMeanNothing(t *testing.T) {
	l, c := newLiar(t, says(200, "{}"))
	ctx := t.Context()
	_, e1 := c.DeleteTag(ctx, "")
	_, e2 := c.Task(ctx, "")
	_, e3 := c.Cancel(ctx, "")
	_, e4 := c.Result(ctx, "", "", io.Discard)
	_, e5 := c.Preset(ctx, "")
	_, e6 := c.Submit(ctx, client.Stream(strings.NewReader("x")), client.Order{IdempotencyKey: "a b"})
	for i, err := range []error{e6, c.Delete(ctx, ""), c.DeletePreset(ctx, ""), c.PutPreset(ctx, client.Preset{}), c.DeleteKey(ctx, ""), e1, e2, e3, e4, e5} {
		if err == nil {
			t.Errorf("call %d was made", i)
		}
	}
	if l.requests() != 0 {
		t.Errorf("%d requests", l.requests())
	}
}

func TestTasksGoesThroughAllPages(t *testing.T) {
	l, c := newLiar(t,
		says(200, `{"tasks":[{"id":"a"},{"id":"b"}],"next":"n1"}`),
		says(503, `{"code":"stopping"}`),
		says(200, `{"tasks":[{"id":"c"}],"next":"n2"}`),
		says(200, `{"tasks":[],"next":""}`))
	var ids []string
	for task, err := range c.Tasks(t.Context(), client.Filter{State: client.Failed, Tag: "x", Page: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, task.ID)
	}
	if got := strings.Join(ids, ""); got != "abc" {
		t.Errorf("tasks %s", got)
	}
	if q := l.asked[2].URL.Query(); q.Get("cursor") != "n1" || q.Get("tag") != "x" || q.Get("state") != "failed" || q.Get("limit") != "2" {
		t.Errorf("it asked %v", q)
	}
	_, c = newLiar(t, says(200, `{"tasks":[{"id":"a"}],"next":"same"}`))
	n := 0
	for range c.Tasks(t.Context(), client.Filter{}) {
		if n++; n > 10 {
			t.Fatal("it goes round in circles")
		}
	}
}

// resized says that it has another size than it turns out to have.
type resized struct {
	*strings.Reader
	size int64
}

// Seek implements io.Seeker.
func (r resized) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return r.size, nil
	}
	return r.Reader.Seek(offset, whence)
}

// TestAnImageThatChanges: what is read while somebody writes it is no image.
func TestAnImageThatChanges(t *testing.T) {
	l, c := newLiar(t, says(200, done))
	_, err := c.Submit(t.Context(), client.Stream(resized{strings.NewReader("ten bytes."), 15}), client.Order{})
	if !errors.Is(err, client.ErrUnreadable) || l.requests() > 1 {
		t.Errorf("shorter than it was: %v after %d requests", err, l.requests())
	}
	l, c = newLiar(t, says(200, done))
	if _, err := c.Submit(t.Context(), client.Stream(resized{strings.NewReader("ten bytes."), 5}), client.Order{}); err != nil || l.bodies[0] != "ten b" {
		t.Errorf("longer than it was: %v, %q", err, l.bodies)
	}
}
