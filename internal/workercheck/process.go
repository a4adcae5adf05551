package workercheck

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// maxOutput is how much of what a worker prints is kept, in bytes.
const maxOutput = 16 << 10

// process is a worker that runs, with whatever it starts, in a group of its own.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
	mu    sync.Mutex
	tail  []byte
}

func start(ctx context.Context, command []string, env ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, command[0], command[1:]...), ended: make(chan struct{})} //nolint:gosec // what it starts is what it is told to check
	p.cmd.Cancel = p.killGroup
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second // what it has started may outlive it with its output open
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("the worker cannot be started: %w", err)
	}
	go func() {
		_ = p.cmd.Wait() // ProcessState tells
		close(p.ended)
	}()
	return p, nil
}

// Write implements io.Writer.
func (p *process) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tail = append(p.tail, data...)
	p.tail = p.tail[max(0, len(p.tail)-maxOutput):]
	return len(data), nil
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.tail)
}

// end says how it has ended; empty while it runs.
func (p *process) end() string {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.String()
	default:
		return ""
	}
}

// terminate asks the worker alone, as whatever supervises it would.
func (p *process) terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// kill ends it and all that it has started.
func (p *process) kill() {
	_ = p.killGroup() // it may have gone
	<-p.ended
}

func (p *process) killGroup() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
