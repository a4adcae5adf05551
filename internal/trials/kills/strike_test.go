package kills

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"minilab/internal/trials"
)

// strike is a step that was done.
type strike struct {
	step
	at       time.Time // of the signal
	over     time.Time // when all was ready again
	inFlight int       // tasks taken in and not yet picked up
	missed   bool      // there was no such process
}

// busyTime is how long an engine process is looked for that is at work.
const busyTime = time.Second

// do strikes, holds, and brings the lab back, which must get ready.
func (s step) do(ctx context.Context, lab *trials.Lab, inFlight func() int) (strike, error) {
	if err := sleep(ctx, s.pause); err != nil {
		return strike{}, err
	}
	var pid int
	if s.victim == engineProcess {
		pid = anEngine(ctx, lab, s.atWork)
	}
	done := strike{step: s, inFlight: inFlight(), at: time.Now()}
	var err error
	switch {
	case s.victim == engineProcess:
		done.missed = pid == 0 || syscall.Kill(pid, s.signal) != nil
	case s.signal == syscall.SIGKILL:
		kill(lab, s.victim)
	default:
		err = signal(lab, s.victim, s.signal)
	}
	if err == nil {
		err = sleep(ctx, s.hold)
	}
	if s.signal == syscall.SIGSTOP && pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGCONT) // its worker may have ended it
	} else if s.signal == syscall.SIGSTOP && s.victim != engineProcess {
		err = signal(lab, s.victim, syscall.SIGCONT)
	}
	if err == nil {
		err = lab.Start(ctx)
	}
	done.over = time.Now()
	return done, err
}

func kill(lab *trials.Lab, victim string) {
	if victim == allAtOnce {
		_ = signal(lab, victim, syscall.SIGKILL) // one that has ended has ended
		lab.KillAll()
		return
	}
	lab.Kill(victim)
}

func signal(lab *trials.Lab, victim string, sig syscall.Signal) error {
	for _, p := range lab.Processes() {
		if victim != allAtOnce && victim != p.Name {
			continue
		}
		if err := lab.Signal(p.Name, sig); err != nil {
			return fmt.Errorf("%v to %s: %w", sig, p.Name, err)
		}
	}
	return nil
}

// anEngine is an engine process that is at an image, or unless it must be, any,
// or 0.
func anEngine(ctx context.Context, lab *trials.Lab, must bool) int {
	for until := time.Now().Add(busyTime); time.Now().Before(until) && ctx.Err() == nil; {
		pids := engines(lab)
		if i := slices.IndexFunc(pids, atWork); i >= 0 {
			return pids[i]
		}
		_ = sleep(ctx, time.Millisecond)
	}
	if pids := engines(lab); !must && len(pids) > 0 {
		return pids[0]
	}
	return 0
}

// engines are the children of a lab's processes: only workers have any.
func engines(lab *trials.Lab) (pids []int) {
	for _, p := range lab.Processes() {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.PID())) // the pattern is good
		for _, name := range threads {
			list, _ := os.ReadFile(name) // the thread may have ended
			for field := range strings.FieldsSeq(string(list)) {
				if pid, err := strconv.Atoi(field); err == nil {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}

// atWork says whether an engine process holds an image, which comes to it as a
// file in memory. One that has ended holds nothing.
func atWork(pid int) bool {
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid)) // the pattern is good
	return slices.ContainsFunc(fds, func(fd string) bool {
		target, _ := os.Readlink(fd)
		return strings.HasPrefix(target, "/memfd:minilab-")
	})
}

// sleep waits, or gives the reason why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
