package httpx

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"minilab/internal/fault"
)

func TestConnLimit(t *testing.T) {
	for files, want := range map[uint64]int64{0: 16, 100: 16, 112: 16, 256: 64, 1024: 320, 20_000: 6645, 1 << 20: maxConns, 1<<64 - 1: maxConns} {
		if got := connLimit(files); got != want {
			t.Errorf("%d files are for %d connections, want %d", files, got, want)
		}
		if got := connLimit(files); files > 112 && uint64(got)*connFiles+spareFiles > files {
			t.Errorf("%d connections are too many for %d files", got, files)
		}
	}
}

// TestConnectionsAreCountedOnce closes some twice, as servers do.
func TestConnectionsAreCountedOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	count := &Connections{max: 2 * connFiles}
	bounded := count.Listener(l)
	accepted := make(chan net.Conn)
	go func() {
		for {
			c, err := bounded.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	connect := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	for range 3 {
		connect()
		connect()
		a, b := <-accepted, <-accepted
		if text, err := io.ReadAll(connect()); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 503 ") {
			t.Errorf("the third was told %q, %v", text, err)
		}
		for _, c := range []net.Conn{a, b, a, b} {
			c.Close()
		}
		if n := count.open.Load(); n != 0 {
			t.Errorf("%d are counted when all are closed", n)
		}
	}
}

func TestTooManyValues(t *testing.T) {
	quoted := `["` + strings.Repeat(`,[{\"`, maxValues) + `"]`
	for text, want := range map[string]bool{
		"[" + strings.Repeat("1,", maxValues-1) + "1]": false,
		"[" + strings.Repeat("1,", maxValues) + "1]":   true,
		strings.Repeat("[", maxValues+1):               true,
		strings.Repeat("{", maxValues+1):               true,
		quoted:                                         false,
		"":                                             false,
		`"\`:                                           false,
	} {
		if got := tooManyValues([]byte(text)); got != want {
			t.Errorf("%.20q…: %v", text, got)
		}
	}
}

// TestAnswersThatAreNone asks a server that answers what no service does.
func TestAnswersThatAreNone(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   []byte
		want   *fault.Fault
	}{
		"empty":          {200, nil, ErrNonsense},
		"no content":     {204, nil, nil},
		"too long":       {200, append([]byte(`{}`), bytes.Repeat([]byte(" "), maxAnswer)...), ErrNonsense},
		"as long":        {200, append([]byte(`{}`), bytes.Repeat([]byte(" "), maxAnswer-2)...), nil},
		"many values":    {200, []byte(`{"a":[` + strings.Repeat("{},", maxValues) + `{}]}`), ErrNonsense},
		"a redirect":     {302, []byte(`{}`), ErrNonsense},
		"not modified":   {304, nil, ErrNonsense},
		"not known":      {299, []byte(`{}`), nil},
		"no such status": {999, nil, fault.New(fault.Internal, "http-999", "")},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(test.status)
			_, _ = w.Write(test.body)
		}))
		var out struct{ A []struct{} }
		_, err := NewClient(s.URL, NewTransport()).JSON(t.Context(), "GET", "/", nil, nil, &out)
		if test.want == nil && err != nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
	}
}

// TestDialsGoInTurns dials more often at once than is allowed: the others wait,
// but not for longer than they want to.
func TestDialsGoInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, hold := make(chan struct{}, 2*maxDials), make(chan struct{})
		dial := inTurns(&net.Dialer{ControlContext: func(context.Context, string, string, syscall.RawConn) error {
			begun <- struct{}{}
			<-hold
			return errors.New("no")
		}})
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, 2*maxDials)
		for range 2 * maxDials {
			go func() {
				_, err := dial(ctx, "tcp", "127.0.0.1:1")
				results <- err
			}()
		}
		synctest.Wait()
		if n := len(begun); n != maxDials {
			t.Errorf("%d dials at once", n)
		}
		cancel()
		for range maxDials {
			if err := <-results; !errors.Is(err, context.Canceled) {
				t.Errorf("who waits for a turn gets %v", err)
			}
		}
		close(hold)
		for range maxDials {
			<-results
		}
	})
}

// TestADeadHostHoldsNobodyElseUp has all turns taken where nobody answers.
func TestADeadHostHoldsNobodyElseUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		dial := inTurns(&net.Dialer{ControlContext: func(_ context.Context, _, addr string, _ syscall.RawConn) error {
			if addr == "127.0.0.1:1" {
				<-hold
			}
			return errors.New("no")
		}})
		var waiting sync.WaitGroup
		for range 2 * maxDials {
			waiting.Go(func() { _, _ = dial(t.Context(), "tcp", "127.0.0.1:1") })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := dial(ctx, "tcp", "127.0.0.1:2"); errors.Is(err, context.DeadlineExceeded) {
			t.Error("it is held up")
		}
		close(hold)
		waiting.Wait()
	})
}

// TestTheBodysOwnErrorCounts has a body fail while its caller goes.
func TestTheBodysOwnErrorCounts(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	body := io.MultiReader(strings.NewReader("begin"), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, ErrBodyCut
	}))
	_, err := NewClient(s.URL, NewTransport()).Upload(ctx, Request{Method: "PUT", Path: "/"}, body, -1)
	if !errors.Is(err, ErrBodyCut) {
		t.Errorf("the upload says %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
