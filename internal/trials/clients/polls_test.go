package clients

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"minilab/internal/trials"
)

// crowd is many connections.
type crowd []net.Conn

// gather opens connections and has each send text.
func gather(t *testing.T, addr string, n int, text string) crowd {
	t.Helper()
	c := make(crowd, n)
	t.Cleanup(c.leave)
	var all errgroup.Group
	all.SetLimit(64)
	for i := range c {
		all.Go(func() (err error) {
			if c[i], err = (&net.Dialer{}).DialContext(t.Context(), "tcp", addr); err == nil {
				_, err = io.WriteString(c[i], text)
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// leave ends all the connections.
func (c crowd) leave() {
	for _, one := range c {
		if one != nil {
			one.Close()
		}
	}
}

// hear counts what all are answered: "200 canceled" for example, the status and
// a word of the body if it is there.
func (c crowd) hear(limit time.Duration, words ...string) map[string]int {
	said := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, one := range c {
		_ = one.SetReadDeadline(time.Now().Add(limit))
		all.Go(func() {
			a, err := hearFrom(bufio.NewReaderSize(one, 1024))
			text := fmt.Sprint(a.status)
			for _, w := range words {
				if strings.Contains(a.body, w) {
					text += " " + w
				}
			}
			if err != nil {
				text = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			said[text]++
		})
	}
	all.Wait()
	return said
}

// set sets a task's state by hand.
func set(t *testing.T, l *trials.Lab, id, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.URL("taskdb")+"/tasks/"+id, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
		t.Fatalf("%s: %d %s", body, resp.StatusCode, text)
	}
}

// undone makes a task that no worker takes.
func undone(t *testing.T, l *trials.Lab, id string) {
	set(t, l, id, `{"state":"not-started","needs":"somebody-else"}`)
}

const inFlight = `minilab_http_requests_in_flight{service="%s"}`

// waiting is how many requests a service is answering, that for this number not
// counted.
func waiting(t *testing.T, l *trials.Lab, service string) int {
	return int(metric(t, l, service, fmt.Sprintf(inFlight, service))) - 1
}

// TestFiveThousandPolls waits at the frontend for one task, five thousand times
// at once: all are answered when it ends, and all are told when the lab stops.
func TestFiveThousandPolls(t *testing.T) {
	const polls = 5000
	l := newLab(t, trials.SixProcesses, 0)
	undone(t, l, "late")
	// On a machine that stands still for seconds a few cannot be handed on in
	// time: they are told so, and would ask again.
	const most, told = polls * 9 / 10, "503 unavailable"
	text := request("GET", "/image/isReady?id=late&wait=60s")
	stop := serve(t, l)
	before := map[string]figures{"frontend": look(t, l, "frontend"), "master": look(t, l, "master"), "taskdb": look(t, l, "taskdb")}
	check := watch(t, l, "frontend", "master", "taskdb")

	began := time.Now()
	c := gather(t, address(l, "frontend"), polls, text)
	within(t, time.Minute, "all wait", func() bool {
		return waiting(t, l, "frontend") >= most && waiting(t, l, "master") >= most
	})
	t.Logf("%d polls wait after %v", polls, time.Since(began).Round(time.Millisecond))
	for service, was := range before {
		is := look(t, l, service)
		t.Logf("%s: %.1f KiB, %.2f files and %.2f goroutines for each", service, float64(is.rss-was.rss)/polls,
			float64(is.files-was.files)/polls, float64(is.goroutines-was.goroutines)/polls)
	}
	began = time.Now()
	set(t, l, "late", `{"state":"canceled"}`)
	if said := c.hear(time.Minute, "canceled", "unavailable"); said["200 canceled"] < most || said["200 canceled"]+said[told] != polls {
		t.Errorf("they were answered %v", said)
	}
	t.Logf("all are answered %v after the task's end", time.Since(began).Round(time.Millisecond))
	c.leave()
	stop()
	check(448, 2*idleConns) // what the services keep between them
	undone(t, l, "later")
	c = gather(t, address(l, "frontend"), polls, strings.Replace(text, "late", "later", 1))
	within(t, time.Minute, "all wait again", func() bool { return waiting(t, l, "frontend") >= most })
	began = time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- l.Stop() }()
	if said := c.hear(time.Minute, "stopping", "unavailable"); said["503 stopping"] < most || said["503 stopping"]+said[told] != polls {
		t.Errorf("when the lab stopped they were answered %v", said)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	t.Logf("the lab has stopped after %v", time.Since(began).Round(time.Millisecond))
}

// idleConns is how many idle connections a service keeps to another at most.
const idleConns = 256

// TestCrowdsThatWait waits at the services behind the frontend.
func TestCrowdsThatWait(t *testing.T) {
	polls := 1000
	if *full {
		polls = 5000
	}
	l := newLab(t, trials.SixProcesses, 0)
	stop := serve(t, l)
	check := watch(t, l, "kv", "taskdb", "master")
	for _, w := range []struct{ service, text string }{
		{"kv", request("GET", "/watch?prefix=nothing/")},
		{"taskdb", request("GET", "/events?after=1000000&wait=60s")},
		{"taskdb", "POST /claims HTTP/1.1\r\nHost: localhost\r\nContent-Length: 51\r\n\r\n" + `{"worker":"idle","accepts":["nobody"],"wait":"60s"}`},
		{"master", request("GET", "/getWork?worker=idle&accepts=nobody&wait=60s")},
	} {
		was := look(t, l, w.service)
		c := gather(t, address(l, w.service), polls, w.text)
		within(t, time.Minute, "all wait at "+w.service, func() bool { return waiting(t, l, w.service) >= polls })
		is := look(t, l, w.service)
		t.Logf("%s, %.40q: %.1f KiB, %.2f goroutines for each", w.service, w.text,
			float64(is.rss-was.rss)/float64(polls), float64(is.goroutines-was.goroutines)/float64(polls))
		c.leave()
		within(t, 20*time.Second, "nobody waits at "+w.service, func() bool { return waiting(t, l, w.service) < 20 })
	}
	stop()
	check(256, idleConns)
}
