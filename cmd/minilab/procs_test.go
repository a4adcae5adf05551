package main

import (
	"context"
	"database/sql"
	"os/exec"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"minilab/internal/config"
	"minilab/internal/trials"
)

type labKey struct{}

// labOf is the script's lab.
func labOf(ts *testscript.TestScript) *scriptLab { return ts.Value(labKey{}).(*scriptLab) }

// scriptLab is a lab with what its script notes of it.
type scriptLab struct {
	trials.Lab
	marks map[string]int64 // bytes, see cmdMemory
}

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
	l := labOf(ts)
	switch {
	case !neg && len(args) > 0 && args[0] == "start":
		ts.Defer(func() { ts.Logf("%s", l.KillAll()) })
		l.Flags = args[1:]
		l.begin(ts)
	case !neg && len(args) == 2 && args[0] == "kill":
		l.Kill(args[1])
	case !neg && len(args) == 2 && args[0] == "pause":
		ts.Check(l.Signal(args[1], syscall.SIGSTOP))
	case !neg && len(args) == 2 && args[0] == "resume":
		ts.Check(l.Signal(args[1], syscall.SIGCONT))
	case !neg && len(args) == 1 && args[0] == "restart":
		l.begin(ts)
	case !neg && len(args) == 1 && args[0] == "stop":
		for _, p := range l.Processes() {
			defer func() { ts.Logf("[%s]\n%s", p.Name, p.Log()) }()
		}
		ts.Check(l.Stop())
	default:
		ts.Fatalf("usage: lab start [FLAG…] | lab kill|pause|resume SERVICE | lab restart | lab stop")
	}
}

// begin starts the processes that do not run.
func (l *scriptLab) begin(ts *testscript.TestScript) {
	l.Dir = ts.MkAbs(".")
	l.Bin = ts.Getenv("minilab_bin") // the built one, where its size or speed is looked at
	if l.Bin == "" {
		var err error
		l.Bin, err = exec.LookPath("minilab")
		ts.Check(err)
	}
	l.Env = nil
	for _, v := range []string{"PATH", "TESTSCRIPT_COVER_DIR", "MINILAB_ENGINE", "MINILAB_DATA", "MINILAB_MIN_FREE"} {
		l.Env = append(l.Env, v+"="+ts.Getenv(v))
	}
	ts.Check(l.Start(context.Background()))
	for _, service := range config.Services {
		ts.Setenv(service, l.URL(service))
	}
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
