package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/engine/wire"
	"minilab/internal/fault"
)

const (
	startTimeout = 10 * time.Second      // from the start to the hello
	endTimeout   = 2 * time.Second       // from the socket's close to the end
	pollEvery    = 20 * time.Millisecond // how often a process at work is looked at
)

// errNotTaken says that a process was dead before it was given the job.
var errNotTaken = errors.New("engine: the process had ended")

// process is one engine process. It does one job at a time.
type process struct {
	cmd    *exec.Cmd
	conn   *net.UnixConn
	limits Limits
	log    *slog.Logger
	hello  Hello
	ended  chan struct{} // closed when it has been waited for
	status *os.File      // what the kernel says of it
	base   int64         // bytes of memory before the first job

	message [wire.MaxMessage + 1]byte // the last one received

	owner string
	owned bool
	jobs  int
	rest  time.Duration // processor time used when it was first seen idle; 0: not yet
	dead  bool          // to be replaced
	fate  string        // why it ends; empty: not known yet

	mu     sync.Mutex
	reason error // why it was killed
}

// startProcess starts an engine process and waits for its hello.
func startProcess(config Config, starter *starter, log *slog.Logger) (*process, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	l := config.Limits
	cmd := exec.Command(config.Path,
		"--memory", strconv.FormatInt(addressSpace(l), 10),
		"--output", strconv.FormatInt(l.MaxOutput, 10),
		"--cpu", (time.Duration(l.RecycleJobs) * l.Timeout).String(),
		"--unsafe="+strconv.FormatBool(config.Unsafe))
	cmd.Env = []string{"MALLOC_ARENA_MAX=1", "GOMAXPROCS=1"}
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	said := &stderrLog{log: log}
	cmd.Stderr = said
	cmd.WaitDelay = time.Second
	err = starter.start(cmd)
	theirs.Close() // or its end would not be seen
	if err != nil {
		_ = ours.Close() // the start's error is the one to tell
		return nil, fmt.Errorf("start %s: %w", config.Path, err)
	}
	p := &process{cmd: cmd, conn: ours, limits: l, log: log.With("engine_pid", cmd.Process.Pid), ended: make(chan struct{})}
	p.status, err = os.Open(p.proc("status")) // there until it has been waited for
	go func() {
		_ = cmd.Wait() // what there is to know is in ProcessState
		_ = p.status.Close()
		close(p.ended)
	}()
	if err != nil {
		p.kill(nil)
		return nil, fmt.Errorf("engine: look at the process: %w", err)
	}
	if err := p.greet(); err != nil {
		p.kill(nil)
		p.end()
		if said.last != "" { // it knows best
			return nil, fmt.Errorf("start %s: %s", config.Path, said.last)
		}
		return nil, fmt.Errorf("start %s: %w (%v)", config.Path, err, cmd.ProcessState)
	}
	return p, nil
}

// addressSpace is the limit that the kernel enforces on the process. It is the
// fence behind the real one, which goes by memory in use: not all that is
// mapped is ever touched.
func addressSpace(l Limits) int64 { return 2*l.Memory + 512<<20 }

func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("engine: socket: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "engine"), os.NewFile(uintptr(fds[1]), "engine")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("engine: socket: %w", err)
	}
	return conn.(*net.UnixConn), theirs, nil
}

func (p *process) greet() error {
	if err := p.conn.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		return err
	}
	if err := p.receive(&p.hello); err != nil {
		return fmt.Errorf("no hello: %w", err)
	}
	if p.hello.Protocol != wire.Version {
		return fmt.Errorf("it speaks protocol %d, this worker %d", p.hello.Protocol, wire.Version)
	}
	v, err := p.vitals()
	p.base = v.own + v.shared
	return ended(err) // it may have died since, which its first job will find out
}

func (p *process) receive(v any) error {
	n, _, flags, _, err := p.conn.ReadMsgUnix(p.message[:], nil)
	if err != nil {
		return err
	}
	if flags&unix.MSG_TRUNC != 0 || n > wire.MaxMessage {
		return errors.New("a message is over the limit")
	}
	return wire.Decode(p.message[:n], v)
}

// run does one job. Whatever goes wrong with the process ends it.
func (p *process) run(ctx context.Context, job Job) (Result, error) {
	p.jobs++
	outputs := make([]*Buffer, len(job.Outputs))
	for i := range outputs {
		var err error
		if outputs[i], err = NewBuffer("output", p.limits.MaxOutput); err != nil {
			closeBuffers(outputs[:i])
			return Result{}, err
		}
	}
	result, err := p.converse(ctx, job, outputs)
	if err != nil {
		closeBuffers(outputs)
	}
	return result, err
}

func closeBuffers(list []*Buffer) {
	for _, b := range list {
		b.Close()
	}
}

func (p *process) converse(ctx context.Context, job Job, outputs []*Buffer) (Result, error) {
	stop := context.AfterFunc(ctx, func() { p.kill(context.Cause(ctx)) })
	defer stop()
	if err := p.send(job, outputs); err != nil {
		return Result{}, p.autopsy(err, errNotTaken)
	}
	answer, err := p.await(job, outputs)
	if err == nil {
		err = p.check(answer, outputs)
	}
	if err != nil {
		return Result{}, p.autopsy(err, nil)
	}
	if !stop() { // ctx is done and the process killed, though the answer came first
		p.die(byCanceled)
	}
	if answer.Fault != nil {
		return Result{}, p.judge(answer.Fault)
	}
	return resultOf(answer, outputs), nil
}

func resultOf(a wire.Answer, outputs []*Buffer) Result {
	r := Result{Facts: facts(a.Facts)}
	for i, o := range a.Outputs {
		r.Outputs = append(r.Outputs, Output{Buffer: outputs[i], ContentType: o.ContentType, Facts: outputFacts(o)})
	}
	return r
}

// send gives the process the job and its descriptors: the input, the outputs,
// the attachments.
func (p *process) send(job Job, outputs []*Buffer) error {
	names := slices.Sorted(maps.Keys(job.Attachments))
	message := wire.Job{
		ID:          uint64(p.jobs),
		Attachments: names,
		MaxPixels:   p.limits.MaxPixels,
		MaxFrames:   p.limits.MaxFrames,
		MaxPages:    p.limits.MaxPages,
		MaxOutput:   p.limits.MaxOutput,
	}
	for _, pipe := range job.Outputs {
		message.Outputs = append(message.Outputs, pipe.String())
	}
	data, err := wire.Encode(message)
	if err != nil {
		return err
	}
	buffers := append([]*Buffer{job.Input}, outputs...)
	for _, name := range names {
		buffers = append(buffers, job.Attachments[name])
	}
	return descriptors(buffers, nil, func(fds []int) error {
		_, _, err := p.conn.WriteMsgUnix(data, unix.UnixRights(fds...), nil)
		return err
	})
}

// descriptors calls f with those of the buffers, which stay open meanwhile.
func descriptors(buffers []*Buffer, fds []int, f func(fds []int) error) error {
	if len(buffers) == 0 {
		return f(fds)
	}
	return control(buffers[0].file, func(fd int) error { return descriptors(buffers[1:], append(fds, fd), f) })
}

// await waits for the answer and looks at the process meanwhile.
func (p *process) await(job Job, outputs []*Buffer) (wire.Answer, error) {
	given := job.bytes()
	deadline := time.Now().Add(p.limits.Timeout)
	for {
		if err := p.conn.SetReadDeadline(time.Now().Add(pollEvery)); err != nil {
			return wire.Answer{}, err
		}
		var answer wire.Answer
		err := p.receive(&answer)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return answer, err
		}
		if time.Now().After(deadline) {
			p.kill(ErrTimeout.Detailf("the image took longer than %v", p.limits.Timeout))
		}
		if v, err := p.vitals(); err == nil {
			if err := p.exceeds(v, given, outputs); err != nil {
				p.kill(err)
			}
		}
	}
}

// check holds an answer to what may be in one.
func (p *process) check(a wire.Answer, outputs []*Buffer) error {
	if a.ID != uint64(p.jobs) {
		return fmt.Errorf("engine: answer to job %d, expected %d", a.ID, p.jobs)
	}
	if a.Fault != nil {
		_, ok := a.Fault.Err()
		if !ok {
			return fmt.Errorf("engine: unknown fault %.40q", a.Fault.Code)
		}
		return nil
	}
	if !a.Valid(len(outputs)) {
		return errors.New("engine: the answer makes no sense")
	}
	for i, output := range outputs {
		if err := output.Seal(); err != nil {
			return err // it still has the output mapped
		}
		if err := output.adopt(a.Outputs[i].Size); err != nil {
			return err
		}
	}
	return nil
}

func (p *process) judge(f *wire.Fault) error {
	err, _ := f.Err()
	if err.Kind == fault.Internal {
		p.die(byUnclean)
		return fmt.Errorf("engine: %s", err.Detail)
	}
	return err
}

// kill ends the process at once. The first reason given is the one that counts.
func (p *process) kill(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason == nil {
		p.reason = reason
	}
	_ = p.cmd.Process.Kill() // it may have ended already
}

// autopsy finds out what a process died of that has failed with err; it sees to
// it that the process is dead. The finding is otherwise, if that is set, where
// it was not killed by us.
func (p *process) autopsy(err, otherwise error) error {
	p.dead = true
	p.kill(nil)
	<-p.ended
	p.mu.Lock()
	reason := p.reason
	p.mu.Unlock()
	if reason != nil {
		p.die(fateOf(reason))
		return reason
	}
	p.die(byCrashed)
	if otherwise != nil {
		return otherwise
	}
	state := p.cmd.ProcessState
	p.log.Warn("engine process failed", "error", err, "state", state.String(), "jobs", p.jobs)
	if state.ExitCode() == wire.ExitMemory {
		p.fate = byMemory
		return ErrMemory.Because(err)
	}
	return ErrCrashed.Because(fmt.Errorf("%w (%v)", err, state))
}

// spent says that the process must be replaced.
func (p *process) spent(maxJobs int) bool { return p.dead || p.jobs >= maxJobs }

// end closes the socket, on which the process ends, and waits for that.
func (p *process) end() {
	_ = p.conn.Close() // that is all there is to say
	timer := time.NewTimer(endTimeout)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.kill(nil)
		<-p.ended
	}
}
