package clients

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"minilab/internal/trials"
)

// figures are what a process has.
type figures struct {
	rss, peak  int64 // KiB
	files      int
	goroutines int
	cpu        time.Duration
}

// look reads the figures of a service's process.
func look(t testing.TB, l *trials.Lab, service string) figures {
	t.Helper()
	f := lookAt(t, process(t, l, service).PID())
	f.goroutines = int(metric(t, l, service, "go_goroutines"))
	return f
}

// lookAt is look from outside, for a process that takes no connections.
func lookAt(t testing.TB, pid int) figures {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return figures{
		rss: status(t, pid, "VmRSS"), peak: status(t, pid, "VmHWM"), files: len(files), cpu: processor(t, pid),
	}
}

func process(t testing.TB, l *trials.Lab, service string) *trials.Process {
	t.Helper()
	for _, name := range []string{service, "up"} {
		if p := l.Process(name); p != nil {
			return p
		}
	}
	t.Fatalf("nobody runs %s", service)
	return nil
}

// status reads a line of /proc/PID/status.
func status(t testing.TB, pid int, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), name+":")
	n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// processor is the time that a process has computed.
func processor(t testing.TB, pid int) (used time.Duration) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		text, _ := os.ReadFile(thread) // a thread may have ended
		ns, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(ns, 10, 64)
		used += time.Duration(n)
	}
	return used
}

// metric reads one number of a service's metrics.
func metric(t testing.TB, l *trials.Lab, service, name string) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.URL(service)+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("%s has no metric %s", service, name)
	return 0
}

// watch notes the figures of services before an attack. The function that it
// gives checks them after: the memory has at no time grown by more than so many
// MiB, and the files and goroutines of the attack are gone.
func watch(t testing.TB, l *trials.Lab, services ...string) func(mebibytes int64, files int) {
	t.Helper()
	before := map[string]figures{}
	for _, s := range services {
		pid := process(t, l, s).PID()
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
			t.Fatal(err) // 5 sets the peak back
		}
		before[s] = look(t, l, s)
	}
	return func(mebibytes int64, files int) {
		t.Helper()
		for _, s := range services {
			was, is := before[s], figures{}
			within(t, 20*time.Second, "the files and goroutines of "+s+" are gone", func() bool {
				is = look(t, l, s)
				return is.files <= was.files+files && is.goroutines <= was.goroutines+3*files+10
			})
			grown := is.peak - was.rss
			t.Logf("%s: memory %d KiB, at most %+d; files %d%+d; goroutines %d%+d; computed %v", s, was.rss, grown,
				was.files, is.files-was.files, was.goroutines, is.goroutines-was.goroutines, (is.cpu - was.cpu).Round(time.Millisecond))
			if grown > mebibytes<<10 {
				t.Errorf("%s has grown by %d KiB, at most %d MiB are allowed", s, grown, mebibytes)
			}
		}
	}
}
