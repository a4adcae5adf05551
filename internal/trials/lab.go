// Package trials is what the tests of whole, running labs share: processes
// that can be killed and stopped, customers, and pictures whose alteration can
// be checked. The trials themselves are the packages below it.
package trials

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"minilab/internal/config"
)

// Topology says which processes make a lab, by the service that each runs. One
// that is "up" is the command of that name; "master.2" is a second master.
type Topology []string

// The topologies.
var (
	OneProcess   = Topology{"up"}
	SixProcesses = Topology{"worker", "frontend", "master", "taskdb", "storage", "kv"} // the order must not matter
	Pairs        = Topology{"kv", "taskdb", "storage", "master.2", "worker.2", "frontend.2", "master", "worker", "frontend"}
)

// startTime bounds how long a process may take to be ready, stopTime how long
// to stop.
const (
	startTime = 30 * time.Second
	stopTime  = 30 * time.Second
)

// Lab is a lab of processes of their own. It is not for use by several
// goroutines at once.
type Lab struct {
	Topology Topology
	Dir      string   // where the processes run
	Bin      string   // the executable minilab
	Env      []string // beside the addresses: MINILAB_DATA, MINILAB_ENGINE, PATH …
	Flags    []string // of every process
	Host     string   // where services other than the frontend listen, but for "up"; empty: 127.0.0.1

	// Prepare, when not nil, has the last word on a process before it starts.
	Prepare func(name string, cmd *exec.Cmd)

	listen  map[string]string // by process: addresses that a restart keeps
	running []*Process
	urls    map[string]string
}

// New is a lab of the executables that `make build` has left in root/bin, with
// its data in dir.
func New(root, dir string, topology Topology, flags ...string) (*Lab, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	bin, err := filepath.Abs(filepath.Join(root, "bin"))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"minilab", "minilab-engine"} {
		if _, err := exec.LookPath(filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("run `make build` first: %w", err)
		}
	}
	return &Lab{
		Topology: topology, Dir: dir, Bin: filepath.Join(bin, "minilab"), Flags: flags,
		Env: []string{"MINILAB_DATA=" + filepath.Join(dir, "data"), "MINILAB_MIN_FREE=1MiB"},
	}, nil
}

// Start starts the processes that do not run, and returns when all are ready.
func (l *Lab) Start(ctx context.Context) error {
	if l.listen == nil {
		if err := l.reserve(ctx); err != nil {
			return err
		}
	}
	var started []*Process
	for _, name := range l.Topology {
		if l.Process(name) != nil {
			continue
		}
		p, err := l.startProcess(name)
		if err != nil {
			return err
		}
		l.running, started = append(l.running, p), append(started, p)
	}
	for _, p := range l.running {
		if err := p.waitReady(ctx); err != nil {
			return err
		}
		for service, url := range p.urls {
			l.urls[service] = url
		}
	}
	return l.waitReady(ctx, started)
}

// waitReady waits for one of each service, in the order in which they need each
// other, so that the first that is not ready is to blame; then for the others of
// the processes that were started.
func (l *Lab) waitReady(ctx context.Context, started []*Process) error {
	var bases []string
	for _, service := range config.Services {
		if base := l.urls[service]; base != "" {
			bases = append(bases, base)
		}
	}
	for _, p := range started {
		bases = slices.AppendSeq(bases, maps.Values(p.urls))
	}
	for _, base := range bases {
		if err := WaitReady(ctx, base); err != nil {
			return err
		}
	}
	return nil
}

// reserve chooses the addresses that must not change: those of kv, by which
// all find each other, and of the frontends, which customers know.
func (l *Lab) reserve(ctx context.Context) error {
	l.listen, l.urls = map[string]string{}, map[string]string{}
	for _, name := range append([]string{"kv"}, l.Topology...) {
		if service := serviceOf(name); service == "kv" || service == "frontend" || service == "up" {
			a, err := freeAddress(ctx, l.host(service))
			if err != nil {
				return err
			}
			l.listen[name] = a
		}
	}
	return nil
}

// host is where a service listens.
func (l *Lab) host(service string) string {
	if l.Host == "" || service == "frontend" || service == "up" {
		return "127.0.0.1"
	}
	return l.Host
}

// URL is the base URL of a service, of one of its instances.
func (l *Lab) URL(service string) string { return l.urls[service] }

// URLs are the base URLs of all the instances of a service that run.
func (l *Lab) URLs(service string) []string {
	var urls []string
	for _, p := range l.running {
		if url := p.urls[service]; url != "" {
			urls = append(urls, url)
		}
	}
	return urls
}

// Processes are those that run.
func (l *Lab) Processes() []*Process { return l.running }

// Process is the one of that name, or nil when it does not run.
func (l *Lab) Process(name string) *Process {
	if i := l.find(name); i >= 0 {
		return l.running[i]
	}
	return nil
}

func (l *Lab) find(name string) int {
	return slices.IndexFunc(l.running, func(p *Process) bool { return p.Name == name })
}

// Kill kills the process by SIGKILL and waits for its end. In a lab of one
// process it is that one, whatever the name. What does not run is left alone.
func (l *Lab) Kill(name string) {
	i := max(l.find(name), l.find("up"))
	if i >= 0 {
		l.running[i].kill()
		l.running = slices.Delete(l.running, i, i+1)
	}
}

// Signal sends a signal to a process.
func (l *Lab) Signal(name string, sig syscall.Signal) error {
	p := l.Process(name)
	if p == nil {
		return fmt.Errorf("no process %s", name)
	}
	return p.cmd.Process.Signal(sig)
}

// Stop asks all to end, which must be clean.
func (l *Lab) Stop() error {
	var faults []error
	for _, p := range l.running {
		faults = append(faults, p.stop())
	}
	l.running = nil
	return errors.Join(faults...)
}

// KillAll kills what runs and gives what all of them have logged.
func (l *Lab) KillAll() string {
	var logs strings.Builder
	for _, p := range l.running {
		p.kill()
		fmt.Fprintf(&logs, "[%s]\n%s\n", p.Name, p.Log())
	}
	l.running = nil
	return logs.String()
}

// Process is one process of a lab.
type Process struct {
	Name string

	cmd    *exec.Cmd
	stderr syncBuffer
	urls   map[string]string // by service, complete when ready
	ready  chan struct{}     // closed with stdout's line "ready", or its end
	done   chan struct{}     // closed when it has ended
	err    error             // to be read after done
}

func serviceOf(name string) string {
	service, _, _ := strings.Cut(name, ".")
	return service
}

func (l *Lab) startProcess(name string) (*Process, error) {
	service := serviceOf(name)
	args, listen := []string{"serve", service}, service+"="+net.JoinHostPort(l.host(service), "0")
	if fixed := l.listen[name]; fixed != "" {
		listen = service + "=" + fixed
	}
	env := []string{"MINILAB_KV=http://" + l.listen["kv"]}
	if name == "up" {
		args, env = []string{"up", "--expose-services"}, nil
		listen = "storage=127.0.0.1:0,taskdb=127.0.0.1:0,master=127.0.0.1:0,kv=" + l.listen["kv"] + ",frontend=" + l.listen["up"]
	}
	if service == "worker" {
		listen = ""
	}
	p := &Process{Name: name, urls: map[string]string{}, ready: make(chan struct{}), done: make(chan struct{})}
	p.cmd = exec.Command(l.Bin, append(args, l.Flags...)...)
	p.cmd.Dir = l.Dir
	p.cmd.Env = append(append(env, "MINILAB_LISTEN="+listen), l.Env...)
	p.cmd.Stderr = &p.stderr
	if l.Prepare != nil {
		l.Prepare(name, p.cmd)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.follow(out)
	return p, nil
}

// follow reads "SERVICE URL" lines, perhaps with a remark, up to "ready".
func (p *Process) follow(out io.Reader) {
	defer close(p.done)
	defer func() { p.err = p.cmd.Wait() }()
	once := sync.OnceFunc(func() { close(p.ready) })
	defer once()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 {
			p.urls[words[0]] = words[1]
			continue
		}
		once()
	}
}

func (p *Process) waitReady(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(startTime):
		return fmt.Errorf("%s is not ready after %v:\n%s", p.Name, startTime, p.Log())
	}
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log is what the process has logged so far.
func (p *Process) Log() string { return p.stderr.String() }

// stop asks the process to end, which must be clean.
func (p *Process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // one that has ended by itself shows below
	select {
	case <-p.done:
		if p.err != nil || strings.Contains(p.Log(), "DATA RACE") {
			return fmt.Errorf("%s ended with %w:\n%s", p.Name, p.err, p.Log())
		}
		return nil
	case <-time.After(stopTime):
		p.kill()
		return fmt.Errorf("%s does not end:\n%s", p.Name, p.Log())
	}
}

func (p *Process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Addresses that a restart keeps are not among those that the kernel gives to
// outgoing connections (from 32768 on), one of which would have the port by the
// time of the restart.
const lowestPort, highestPort = 12000, 32000

func freeAddress(ctx context.Context, host string) (address string, err error) {
	for range 100 {
		address = net.JoinHostPort(host, strconv.Itoa(lowestPort+rand.IntN(highestPort-lowestPort)))
		var l net.Listener
		if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", err
}

// WaitReady waits until a service says that it is ready. There is no event to
// wait for: it asks again and again, as a load balancer does.
func WaitReady(ctx context.Context, base string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		body, status, err := get(ctx, http.DefaultClient, base+"/readyz?verbose")
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %d %s: %w", base, status, body, errors.Join(err, ctx.Err()))
		}
	}
}

// syncBuffer is a buffer that a process writes and the test reads.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String implements fmt.Stringer.
func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
