package live

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/trials"
)

var (
	listeners = flag.Int("listeners", 1000, "how many idle listeners one frontend has")
	idleFor   = flag.Duration("idle", 5*time.Second, "for how long what they cost is measured")
)

const (
	mostMemory = 300 << 20 / 10_000 // bytes of the frontend's for each listener
	mostCPU    = 0.05               // of one core, for all of them
	tasks      = 50
	atOnce     = 16
)

// TestIdleListeners measures what many listeners cost one frontend while
// nothing happens.
func TestIdleListeners(t *testing.T) {
	l := start(t, trials.Topology{"kv", "taskdb", "storage", "master", "frontend"}) // without a worker everything waits
	ids := hand(t, l, tasks)
	p := l.Process("frontend")
	before := memory(t, p)
	conns := listen(t, l, ids, *listeners)
	opened := memory(t, p)
	used, began := cpu(t, p), time.Now()
	time.Sleep(*idleFor) // nothing is waited for: what is measured is that nothing happens
	share := (cpu(t, p) - used).Seconds() / time.Since(began).Seconds()
	idle := memory(t, p)
	t.Logf("%d listeners: %d MiB before, %d MiB when all were there, %d MiB after %v: %d bytes each; %.2f %% of a core",
		len(conns), before>>20, opened>>20, idle>>20, *idleFor, (max(opened, idle)-before)/int64(len(conns)), share*100)
	if most := before + int64(len(conns))*mostMemory; max(opened, idle) > most {
		t.Errorf("that is more than %d MiB", most>>20)
	}
	if share > mostCPU {
		t.Errorf("that is more than %.0f %%", mostCPU*100)
	}
	for i, c := range conns {
		if err := alive(c); err != nil {
			t.Fatalf("listener %d is gone: %v", i, err)
		}
	}
}

// alive reads what has come, which must not have an end.
func alive(c net.Conn) error {
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, struct{ io.Reader }{c})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("it has ended: %w", err)
}

func memory(t *testing.T, p *trials.Process) int64 {
	t.Helper()
	n, err := p.Memory("VmRSS")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func cpu(t *testing.T, p *trials.Process) time.Duration {
	t.Helper()
	d, err := p.CPU()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// hand hands pictures in.
func hand(t *testing.T, l *trials.Lab, n int) (ids []string) {
	t.Helper()
	photo := trials.JPEG(64, 64, 1)
	for range n {
		id, err := trials.Customer{Base: l.URL("frontend"), HTTP: http.DefaultClient}.Upload(t.Context(), photo)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// listen opens streams and reads each up to its first event.
func listen(t *testing.T, l *trials.Lab, ids []string, n int) []net.Conn {
	t.Helper()
	conns, faults := make([]net.Conn, n), make([]error, n)
	var opening sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i := range conns {
		turns <- struct{}{}
		opening.Go(func() {
			defer func() { <-turns }()
			conns[i], faults[i] = listenTo(t.Context(), l.URL("frontend"), ids[i%len(ids)], i)
		})
	}
	opening.Wait()
	t.Cleanup(func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	})
	for i, err := range faults {
		if err != nil {
			t.Fatalf("listener %d: %v", i, err)
		}
	}
	return conns
}

// listenTo comes from one of several addresses, for each has only so many ports.
func listenTo(ctx context.Context, base, id string, i int) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%4))}}
	host := strings.TrimPrefix(base, "http://")
	c, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(c, "GET /api/v1/events?task=%s HTTP/1.1\r\nHost: %s\r\n\r\n", id, host); err != nil {
		return c, err
	}
	for lines := bufio.NewReaderSize(c, 512); ; {
		line, err := lines.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "event: queued") {
			return c, err
		}
		if strings.HasPrefix(line, "HTTP/1.1 ") && !strings.HasPrefix(line, "HTTP/1.1 200") {
			return c, fmt.Errorf("the lab says %s", strings.TrimSpace(line))
		}
	}
}
