package engine

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	idleEvery  = time.Second // how often idle processes are looked at
	maxIdleCPU = time.Second // processor time that an idle process may use
)

// watchIdle replaces processes that are not idle while they have no job: what
// an image has left behind in one could go on for ever.
func (p *Pool) watchIdle() {
	ticker := time.NewTicker(idleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.sweepIdle()
		case <-p.closing:
			return
		}
	}
}

func (p *Pool) sweepIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replaceIdle((*process).restless)
}

// replaceIdle ends the idle processes that something is the matter with.
func (p *Pool) replaceIdle(matter func(*process) error) {
	p.idle = slices.DeleteFunc(p.idle, func(proc *process) bool {
		err := matter(proc)
		if err == nil {
			return false
		}
		proc.log.Warn("an idle engine process is replaced", "err", err)
		proc.kill(err)
		p.retire(proc, byUnclean)
		return true
	})
}

// restless is what an idle process does that it should not; nil: nothing.
func (p *process) restless() error {
	v, err := p.vitals()
	if err != nil {
		return ended(err)
	}
	used, err := p.cpu()
	if err != nil {
		return ended(err)
	}
	if p.rest == 0 {
		p.rest = used
	}
	if used > p.rest+maxIdleCPU {
		return errors.New("it uses processor time")
	}
	return p.exceeds(v, 0, nil)
}

// ended takes the error of looking at a process that is no more for none: the
// next job finds that out.
func ended(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrClosed) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// unasked is an error if the process has said something without being asked:
// it would be taken for the answer to the next job.
func (p *process) unasked() error {
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return err
	}
	var n int
	var said error
	err = raw.Control(func(fd uintptr) {
		n, _, said = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	if err == nil && said == nil && n > 0 {
		return errors.New("it speaks without being asked")
	}
	return err
}
