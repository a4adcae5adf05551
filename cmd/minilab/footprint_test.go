package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdMemory is `memory mark`, which notes the memory of every process, and
// `memory grown MIB`, which fails when any of them but the worker has at any
// time since had more than so much above that.
func cmdMemory(ts *testscript.TestScript, neg bool, args []string) {
	l := labOf(ts)
	switch {
	case !neg && len(args) == 1 && args[0] == "mark":
		l.marks = map[string]int64{}
		for _, p := range l.Processes() {
			most, err := p.Memory("VmHWM")
			ts.Check(err)
			l.marks[p.Name] = most
		}
	case !neg && len(args) == 2 && args[0] == "grown":
		limit, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		for _, p := range l.Processes() {
			most, err := p.Memory("VmHWM")
			ts.Check(err)
			grown := most - l.marks[p.Name]
			fmt.Fprintf(ts.Stdout(), "%s %d KiB, grown by %d KiB\n", p.Name, l.marks[p.Name]>>10, grown>>10)
			if p.Name != "worker" && grown > limit<<20 {
				ts.Fatalf("%s has grown by %d KiB", p.Name, grown>>10)
			}
		}
	default:
		ts.Fatalf("usage: memory mark | memory grown MIB")
	}
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
	for _, p := range l.Processes() {
		d, err := p.CPU()
		ts.Check(err)
		used[p.Name] = d
	}
	return used
}
