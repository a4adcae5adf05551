package engine

import (
	"os/exec"
	"runtime"
)

// starter starts all processes from one thread that lives as long as the pool.
// The signal that a process gets when its parent dies is in truth sent when the
// thread that started it does, and the runtime ends threads at will.
type starter struct {
	requests chan startRequest
}

type startRequest struct {
	cmd  *exec.Cmd
	done chan<- error
}

func newStarter() *starter {
	s := &starter{requests: make(chan startRequest)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for r := range s.requests {
			r.done <- r.cmd.Start()
		}
	}()
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	s.requests <- startRequest{cmd, done}
	return <-done
}

func (s *starter) close() { close(s.requests) }
