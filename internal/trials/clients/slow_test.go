package clients

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"minilab/internal/trials"
)

// headerTime is how long a listener waits for the whole of a request's header.
const headerTime = 10 * time.Second

// TestSlowHeaders has connections that send nothing, that send bytes one by one
// for ever, and that speak TLS: all are cut after headerTime.
func TestSlowHeaders(t *testing.T) {
	t.Parallel() // it waits for the lab's clock
	n := 100
	if *full {
		n = 1000
	}
	l := newLab(t, trials.SixProcesses, 0)
	stop := serve(t, l)
	check := watch(t, l, listeners...)
	began := time.Now()
	crowds := map[string]crowd{}
	for _, service := range listeners {
		crowds[service+" sends nothing"] = gather(t, address(l, service), n, "")
		crowds[service+" sends bytes"] = gather(t, address(l, service), n, "GET / HTTP/1.1\r\nX: ")
		crowds[service+" speaks TLS"] = gather(t, address(l, service), n, tlsHello)
	}
	var all sync.WaitGroup
	for name, c := range crowds {
		for _, one := range c {
			all.Go(func() {
				if took, err := drip(one, began); err != nil {
					t.Errorf("who %s: %v after %v", name, err, took)
				}
			})
		}
	}
	all.Wait()
	stop()
	check(64+int64(n)/10, 16)
}

// drip sends a byte now and then until the connection is cut, which must not be
// long after its time.
func drip(c net.Conn, began time.Time) (time.Duration, error) {
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		_, _ = io.Copy(io.Discard, c)
	}()
	limit := time.After(headerTime + 30*time.Second)
	for again := time.NewTicker(500 * time.Millisecond); ; {
		select {
		case <-cut:
			if took := time.Since(began); took < headerTime-time.Second {
				return took, errors.New("was cut")
			}
			return 0, nil
		case <-limit:
			return time.Since(began), os.ErrDeadlineExceeded
		case <-again.C:
			_, _ = c.Write([]byte("a")) // the reader notices the end
		}
	}
}

// TestSlowReaders asks for large answers and reads nothing of them: they cost
// no memory worth the name, and others are served. When they are cut is tested
// where time can be made to pass.
func TestSlowReaders(t *testing.T) {
	const readers = 200
	l := newLab(t, trials.SixProcesses, 0)
	image := largePNG(t)
	customer := trials.Customer{Base: l.URL("frontend"), HTTP: plain(t)}
	id, err := customer.Upload(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := customer.Await(t.Context(), id); err != nil || s.Status != "finished" {
		t.Fatal(s, err)
	}
	stop := serve(t, l)
	check := watch(t, l, "frontend", "master", "storage")
	c := make(crowd, 0, readers)
	for range readers {
		one := dial(t, address(l, "frontend"))
		_ = one.SetReadBuffer(4096)
		if _, err := io.WriteString(one, request("GET", "/image/get?id="+id)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(one, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		c = append(c, one)
	}
	alive(t, l, "frontend")
	stop()
	c.leave()
	check(128, idleConns)
}
