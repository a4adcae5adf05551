package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"minilab/internal/config"
)

// topology says which processes make a lab, by the service that each runs. One
// that is "up" is the command of that name; "master.2" is a second master.
type topology []string

var (
	oneProcess   = topology{"up"}
	sixProcesses = topology{"worker", "frontend", "master", "taskdb", "storage", "kv"} // the order must not matter
	pairs        = topology{"kv", "taskdb", "storage", "master.2", "worker.2", "frontend.2", "master", "worker", "frontend"}
)

type labKey struct{}

// procs are the processes of a script's lab.
type procs struct {
	topology topology
	kvAddr   string
	flags    []string
	running  []*process
	marks    map[string]int64 // KiB, see cmdMemory
}

// startTime bounds how long a process may take to be ready, stopTime how long
// to stop.
const (
	startTime = 30 * time.Second
	stopTime  = 30 * time.Second
)

// cmdLab starts all the processes of the topology on free ports and puts the
// base URL of each service into a variable of its name ($frontend, $kv …):
//
//	lab start [FLAG…]
//	lab kill SERVICE    kills the process that runs the service, if it still runs
//	lab pause SERVICE   stops the process by SIGSTOP, which it does not notice
//	lab resume SERVICE  lets it go on
//	lab restart         starts again what was killed
//	lab stop            asks all to end, which must be clean
func cmdLab(ts *testscript.TestScript, neg bool, args []string) {
	p := ts.Value(labKey{}).(*procs)
	switch {
	case !neg && len(args) > 0 && args[0] == "start":
		ts.Defer(func() { p.killAll(ts) })
		p.kvAddr, p.flags = freeAddress(ts), args[1:]
		p.start(ts)
	case !neg && len(args) == 2 && args[0] == "kill":
		p.kill(args[1])
	case !neg && len(args) == 2 && args[0] == "pause":
		p.signal(ts, args[1], syscall.SIGSTOP)
	case !neg && len(args) == 2 && args[0] == "resume":
		p.signal(ts, args[1], syscall.SIGCONT)
	case !neg && len(args) == 1 && args[0] == "restart":
		p.start(ts)
	case !neg && len(args) == 1 && args[0] == "stop":
		p.stop(ts)
	default:
		ts.Fatalf("usage: lab start [FLAG…] | lab kill|pause|resume SERVICE | lab restart | lab stop")
	}
}

// start starts the processes that do not run.
func (p *procs) start(ts *testscript.TestScript) {
	for _, name := range p.topology {
		if p.find(name) < 0 {
			p.running = append(p.running, startProcess(ts, name, p.kvAddr, p.flags))
		}
	}
	for _, proc := range p.running {
		proc.waitReady(ts)
	}
	for _, service := range config.Services {
		if base := ts.Getenv(service); base != "" {
			waitReadyz(ts, base)
		}
	}
}

func (p *procs) find(name string) int {
	return slices.IndexFunc(p.running, func(proc *process) bool { return proc.name == name })
}

func (p *procs) stop(ts *testscript.TestScript) {
	for _, proc := range p.running {
		proc.stop(ts)
	}
	p.running = nil
}

func (p *procs) kill(service string) {
	i := max(p.find(service), p.find("up"))
	if i >= 0 {
		p.running[i].kill()
		p.running = slices.Delete(p.running, i, i+1)
	}
}

func (p *procs) signal(ts *testscript.TestScript, name string, sig syscall.Signal) {
	i := p.find(name)
	if i < 0 {
		ts.Fatalf("no process %s", name)
	}
	ts.Check(p.running[i].cmd.Process.Signal(sig))
}

func (p *procs) killAll(ts *testscript.TestScript) {
	for _, proc := range p.running {
		proc.kill()
		ts.Logf("[%s]\n%s", proc.name, proc.stderr.String())
	}
	p.running = nil
}

type process struct {
	name   string
	cmd    *exec.Cmd
	stderr syncBuffer
	urls   map[string]string // by service, complete when ready
	ready  chan struct{}     // closed with stdout's line "ready", or its end
	done   chan error
}

func startProcess(ts *testscript.TestScript, name, kvAddr string, flags []string) *process {
	service, _, _ := strings.Cut(name, ".")
	args := append([]string{"serve", service}, flags...)
	env := []string{"MINILAB_KV=http://" + kvAddr}
	listen := []string{"frontend=127.0.0.1:0", "storage=127.0.0.1:0", "taskdb=127.0.0.1:0", "master=127.0.0.1:0", "kv=" + kvAddr}
	if name == "up" {
		args, env = append([]string{"up", "--expose-services"}, flags...), nil
	} else {
		listen = slices.DeleteFunc(listen, func(l string) bool { return !strings.HasPrefix(l, service+"=") })
	}
	bin := ts.Getenv("minilab_bin") // the built one, where its size or speed is looked at
	if bin == "" {
		var err error
		bin, err = exec.LookPath("minilab")
		ts.Check(err)
	}
	p := &process{name: name, urls: map[string]string{}, ready: make(chan struct{}), done: make(chan error, 1)}
	p.cmd = exec.Command(bin, args...)
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = append([]string{
		"PATH=" + ts.Getenv("PATH"), "MINILAB_LISTEN=" + strings.Join(listen, ","), "TESTSCRIPT_COVER_DIR=" + ts.Getenv("TESTSCRIPT_COVER_DIR"),
	}, env...)
	for _, v := range []string{"MINILAB_ENGINE", "MINILAB_DATA", "MINILAB_MIN_FREE"} {
		p.cmd.Env = append(p.cmd.Env, v+"="+ts.Getenv(v))
	}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	go p.follow(bufio.NewScanner(out))
	return p
}

// follow reads "SERVICE URL" lines up to "ready".
func (p *process) follow(lines *bufio.Scanner) {
	defer func() { p.done <- p.cmd.Wait() }()
	once := sync.OnceFunc(func() { close(p.ready) })
	defer once()
	for lines.Scan() {
		service, url, found := strings.Cut(lines.Text(), " ")
		if found {
			p.urls[service] = url
			continue
		}
		once()
	}
}

func (p *process) waitReady(ts *testscript.TestScript) {
	select {
	case <-p.ready:
		for service, url := range p.urls {
			ts.Setenv(service, url)
		}
	case <-time.After(startTime):
		ts.Fatalf("%s is not ready after %v:\n%s", p.name, startTime, p.stderr.String())
	}
}

// stop asks the process to end, which must be clean.
func (p *process) stop(ts *testscript.TestScript) {
	ts.Check(p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-p.done:
		if err != nil || strings.Contains(p.stderr.String(), "DATA RACE") {
			ts.Fatalf("%s ended with %v:\n%s", p.name, err, p.stderr.String())
		}
	case <-time.After(stopTime):
		p.kill()
		ts.Fatalf("%s does not end:\n%s", p.name, p.stderr.String())
	}
	ts.Logf("[%s]\n%s", p.name, p.stderr.String())
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func freeAddress(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().String()
}

// syncBuffer is a buffer that a process writes and the test reads.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// cmdNewer is `newer FILE`: it marks a database as one of a later schema.
func cmdNewer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: newer FILE")
	}
	db, err := sql.Open("sqlite", "file:"+ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
	ts.Check(err)
}
