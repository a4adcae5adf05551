package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is a process whose resources are measured.
type process int

// cpu is the processor time that it has used. Its clock counts nanoseconds,
// where /proc/PID/stat has steps of 10 ms.
func (p process) cpu() (time.Duration, error) {
	const schedulerClock = 2 // see CPUCLOCK_SCHED in the kernel's posix-timers.h
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^int(p)<<3|schedulerClock), &t); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", p, err)
	}
	return time.Duration(t.Nano()), nil
}

// peak is the most memory that it has had, in bytes, with what it shares.
func (p process) peak() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kB << 10, err
		}
	}
	return 0, fmt.Errorf("process %d says nothing of its memory", p)
}

// pin keeps the process on one core, with all its threads.
func (p process) pin(core int) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p))
	if err != nil {
		return err
	}
	var set unix.CPUSet
	set.Set(core)
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil {
			return fmt.Errorf("pin process %d: %w", p, err)
		}
	}
	return nil
}

// children are those of this process that run the named program.
func children(name string) ([]process, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var all []process
	for _, path := range stats {
		stat, _ := os.ReadFile(path) // the process may have ended
		// PID (NAME) STATE PARENT …, of the name the first 15 bytes
		before, after, _ := strings.Cut(string(stat), ") ")
		pid, comm, _ := strings.Cut(before, " (")
		fields := strings.Fields(after)
		if len(fields) > 1 && strings.HasPrefix(name, comm) && fields[1] == strconv.Itoa(os.Getpid()) {
			n, err := strconv.Atoi(pid)
			if err != nil {
				return nil, err
			}
			all = append(all, process(n))
		}
	}
	return all, nil
}

// model is the processor's name.
func model() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // without it the name is not known
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
