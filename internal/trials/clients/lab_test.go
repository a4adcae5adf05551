// Package clients is the trial of whole labs by hostile clients: raw
// connections that send what no client sends, stop, go away or never read, and
// services that lie. Beside each attack an honest customer is served.
package clients

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"minilab/internal/trials"
)

// full makes each crowd as large as it is in the worst case, and waits for
// limits of a minute.
var full = flag.Bool("full", false, "run the heavy forms")

const root = "../../.."

// listeners are the services of a lab of six processes that listen.
var listeners = []string{"frontend", "kv", "storage", "taskdb", "master", "worker"}

// newLab starts a lab that ends with the test. With files not 0 each process
// may open so many.
func newLab(t *testing.T, topology trials.Topology, files int, flags ...string) *trials.Lab {
	t.Helper()
	l, err := trials.New(root, t.TempDir(), topology, flags...)
	if err != nil {
		t.Fatal(err)
	}
	l.Prepare = func(name string, cmd *exec.Cmd) {
		if name == "worker" {
			cmd.Env = append(cmd.Env, "MINILAB_LISTEN=worker=127.0.0.1:0")
		}
		if files > 0 {
			cmd.Args = append([]string{"prlimit", fmt.Sprintf("--nofile=%d", files), cmd.Path}, cmd.Args[1:]...)
			cmd.Path = "/usr/bin/prlimit"
		}
	}
	t.Cleanup(func() {
		if logs := l.KillAll(); t.Failed() {
			t.Log(tail(logs, 4000))
		}
	})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

func tail(text string, n int) string { return text[max(len(text)-n, 0):] }

// address is where a service listens.
func address(l *trials.Lab, service string) string {
	return strings.TrimPrefix(l.URL(service), "http://")
}

// dial connects; the connection ends with the test.
func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// plain is a client whose connections end with the test.
func plain(t testing.TB) *http.Client {
	c := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// within polls for a condition.
func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
