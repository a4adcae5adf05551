package images_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// watch looks at the engine processes of a worker while a trial runs.
type watch struct {
	worker int // its process

	mu   sync.Mutex
	seen map[string]*watched // by process id
	most int                 // at the same time
}

// watched is what an engine process has used up.
type watched struct {
	peak int64         // bytes of memory
	cpu  time.Duration // of its whole life
}

// follow looks every few milliseconds until ctx ends.
func (w *watch) follow(ctx context.Context) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		w.look()
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	running := children(w.worker)
	w.most = max(w.most, len(running))
	for _, pid := range running {
		if w.seen[pid] == nil {
			w.seen[pid] = new(watched)
		}
		w.seen[pid].look(pid)
	}
}

// look takes down what a process has used; one that is ending has no figures.
func (p *watched) look(pid string) {
	status, _ := os.ReadFile("/proc/" + pid + "/status")
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		p.peak = max(p.peak, kib<<10)
	}
	stat, _ := os.ReadFile("/proc/" + pid + "/stat")
	if _, rest, ok := strings.Cut(string(stat), ") "); ok {
		const ticks = 10 * time.Millisecond // of the clock in which Linux counts
		fields := strings.Fields(rest)
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		p.cpu = max(p.cpu, time.Duration(user+system)*ticks)
	}
}

// peaks are the most memory and the most processor time that any process had.
func (w *watch) peaks() (memory int64, cpu time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.seen {
		memory, cpu = max(memory, p.peak), max(cpu, p.cpu)
	}
	return memory, cpu
}

// children are the process ids of a process's engines.
func children(pid int) []string {
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	var all []string
	for _, list := range lists {
		data, _ := os.ReadFile(list) // a thread that has ended has none
		all = append(all, strings.Fields(string(data))...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mustHaveEnded fails the test when a process that was seen still runs.
func (w *watch) mustHaveEnded(t *testing.T) {
	t.Helper()
	for pid := range w.seen {
		name, err := os.ReadFile("/proc/" + pid + "/comm")
		if err == nil && strings.HasPrefix(string(name), "minilab-engine") {
			t.Errorf("engine process %s has outlived its worker", pid)
		}
	}
}
