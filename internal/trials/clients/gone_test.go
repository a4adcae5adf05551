package clients

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"minilab/internal/trials"
)

// TestClientsThatGo has clients go away in each phase of a call. Nothing of
// them may stay.
func TestClientsThatGo(t *testing.T) {
	const each = 50
	l := newLab(t, trials.SixProcesses, 0)
	undone(t, l, "late")
	image := largePNG(t)
	customer := trials.Customer{Base: l.URL("frontend"), HTTP: plain(t)}
	done, err := customer.Upload(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := customer.Await(t.Context(), done); err != nil || s.Status != "finished" {
		t.Fatal(s, err)
	}
	stop := serve(t, l)
	check := watch(t, l, listeners...)
	upload := request("POST", "/newImage", "Content-Length: 1000000") + string(image[:1000])
	for _, phase := range []struct {
		name, service, text string
		hear                int // bytes of the answer before it goes
	}{
		{"before anything", "frontend", "", 0},
		{"in the header", "frontend", "POST /newImage HT", 0},
		{"before the body", "frontend", request("POST", "/newImage", "Content-Length: 1000000"), 0},
		{"in the body", "frontend", upload, 0},
		{"in a chunk", "frontend", request("POST", "/newImage", "Transfer-Encoding: chunked") + "ffff\r\n" + string(image[:1000]), 0},
		{"in the body", "storage", request("PUT", "/images/inProgress/gone", "Content-Length: 1000000") + string(image[:1000]), 0},
		{"in the body", "master", upload, 0},
		{"in the body", "kv", request("PUT", "/kv/gone", "Content-Length: 1000") + "half", 0},
		{"in the body", "taskdb", request("POST", "/claims", "Content-Length: 1000") + `{"worker":`, 0},
		{"before the answer", "frontend", request("GET", "/image/get?id="+done), 0},
		{"in the answer", "frontend", request("GET", "/image/get?id="+done), 1000},
		{"in the answer", "master", request("GET", "/get?id="+done), 1000},
		{"in the answer", "storage", request("GET", "/images/inProgress/"+done), 1000},
		{"in a poll", "frontend", request("GET", "/image/isReady?wait=60s&id=late"), 0},
		{"in a poll", "master", request("GET", "/isReady?wait=60s&id=late"), 0},
		{"in a poll for work", "master", request("GET", "/getWork?wait=60s&accepts=nobody"), 0},
		{"in a poll for events", "taskdb", request("GET", "/events?after=1000000&wait=60s"), 0},
		{"in a watch", "kv", request("GET", "/watch?prefix=nothing/"), 100},
		{"in the readiness", "worker", request("GET", "/readyz"), 0},
	} {
		c := gather(t, address(l, phase.service), each, phase.text)
		for _, one := range c {
			_ = one.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.ReadFull(one, make([]byte, phase.hear)); err != nil {
				t.Errorf("%s, %s: %v", phase.service, phase.name, err)
			}
		}
		for i, one := range c {
			if i%2 == 0 {
				_ = one.(*net.TCPConn).SetLinger(0) // a reset, as of a machine that has died
			}
		}
		c.leave()
	}
	stop()
	check(96, 128)
	for _, service := range listeners {
		within(t, 20*time.Second, "nobody waits at "+service, func() bool { return waiting(t, l, service) < 20 }) // the processes watch
	}
}

// TestLeasesOfTheGone has workers go while they wait for work. What comes after
// that the lab has noticed it never gives to them. What comes at the very moment
// may have been sent: that is free again when its lease ends.
func TestLeasesOfTheGone(t *testing.T) {
	const lease = 2 * time.Second
	l := newLab(t, trials.SixProcesses, 0, "--lease", lease.String())
	here := func(id string, limit time.Duration) {
		began := time.Now()
		a := tell(t, address(l, "master"), request("GET", "/getWork?worker=here&wait=15s&accepts=trial"))
		if took := time.Since(began); a.status != 200 || !strings.Contains(a.body, id) || took > limit {
			t.Errorf("%s is there after %v: %d %s", id, took, a.status, a.body)
		}
		set(t, l, id, `{"state":"canceled"}`)
	}
	for i := range 10 {
		gone := gather(t, address(l, "master"), 20, request("GET", "/getWork?worker=gone&wait=30s&accepts=trial"))
		within(t, 20*time.Second, "they wait", func() bool { return waiting(t, l, "master") >= 20 })
		gone.leave()
		within(t, 20*time.Second, "they are gone", func() bool { return waiting(t, l, "master") <= 1 && waiting(t, l, "taskdb") <= 3 })
		id := fmt.Sprintf("after-%d", i)
		set(t, l, id, `{"state":"not-started","needs":"trial"}`)
		here(id, lease*3/4)
	}
	for i := range 3 {
		gone := gather(t, address(l, "master"), 3, request("GET", "/getWork?worker=gone&wait=30s&accepts=trial"))
		within(t, 20*time.Second, "they wait", func() bool { return waiting(t, l, "master") >= 3 })
		left := make(chan struct{})
		go func() {
			defer close(left)
			gone.leave()
		}()
		id := fmt.Sprintf("while-%d", i)
		set(t, l, id, `{"state":"not-started","needs":"trial"}`)
		<-left
		here(id, 12*time.Second)
	}
}
