package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"minilab/internal/trials"
)

// cmdMemory is `memory mark`, which notes the memory of every process, and
// `memory grown MIB`, which fails when any of them but the worker has at any
// time since had more than so much above that.
func cmdMemory(ts *testscript.TestScript, neg bool, args []string) {
	l := labOf(ts)
	switch {
	case !neg && len(args) == 1 && args[0] == "mark":
		l.marks = map[string]int64{}
		for _, proc := range l.Processes() {
			l.marks[proc.Name] = statusKiB(ts, proc, "VmHWM")
		}
	case !neg && len(args) == 2 && args[0] == "grown":
		limit, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		for _, proc := range l.Processes() {
			grown := statusKiB(ts, proc, "VmHWM") - l.marks[proc.Name]
			fmt.Fprintf(ts.Stdout(), "%s %d KiB, grown by %d KiB\n", proc.Name, l.marks[proc.Name], grown)
			if proc.Name != "worker" && grown > limit<<10 {
				ts.Fatalf("%s has grown by %d KiB", proc.Name, grown)
			}
		}
	default:
		ts.Fatalf("usage: memory mark | memory grown MIB")
	}
}

// statusKiB reads a line of /proc/PID/status.
func statusKiB(ts *testscript.TestScript, proc *trials.Process, name string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", proc.PID()))
	ts.Check(err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			ts.Check(err)
			return n
		}
	}
	ts.Fatalf("no %s of %s", name, proc.Name)
	return 0
}

// idleTime is how long idle looks at the processes.
const idleTime = 4 * time.Second

// cmdIdle is `idle PERCENT`: it fails when all the processes together use more
// of one core while nothing is asked of them.
func cmdIdle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: idle PERCENT")
	}
	limit, err := strconv.ParseFloat(args[0], 64)
	ts.Check(err)
	l := labOf(ts)
	before := l.cpu(ts)
	<-time.After(idleTime)
	after := l.cpu(ts)
	sum := 0.0
	for _, name := range slices.Sorted(maps.Keys(after)) {
		percent := 100 * (after[name] - before[name]).Seconds() / idleTime.Seconds()
		fmt.Fprintf(ts.Stdout(), "%s %.2f %%\n", name, percent)
		sum += percent
	}
	if sum > limit {
		ts.Fatalf("an idle lab uses %.2f %% of a core", sum)
	}
}

// cpu is the processor time that each process has used so far.
func (l *scriptLab) cpu(ts *testscript.TestScript) map[string]time.Duration {
	used := map[string]time.Duration{}
	for _, proc := range l.Processes() {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", proc.PID()))
		ts.Check(err)
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			ts.Check(err)
			ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
			ts.Check(err)
			used[proc.Name] += time.Duration(ns)
		}
	}
	return used
}
