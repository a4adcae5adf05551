package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"minilab/internal/trials"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"minilab": func() { os.Exit(run()) }, "slack": printSlack})
}

// The scripts in testdata/lab run unchanged over every topology.

func TestOneProcess(t *testing.T) {
	t.Parallel() // with others that wait more than they work
	runScripts(t, "testdata/lab", trials.OneProcess)
}

func TestSixProcesses(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/lab", trials.SixProcesses)
}

// TestPairs has two each of what may run more than once.
func TestPairs(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/pairs", trials.Pairs)
}

// TestFootprint looks at the built executable from outside.
func TestFootprint(t *testing.T) { runScripts(t, "testdata/footprint", trials.SixProcesses) }

// TestCommands is about the command line itself.
func TestCommands(t *testing.T) { runScripts(t, "testdata/commands", trials.OneProcess) }

func runScripts(t *testing.T, dir string, topology trials.Topology) {
	t.Helper()
	engine, bin := built(t, "minilab-engine"), built(t, "minilab")
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("MINILAB_ENGINE", engine)
			e.Setenv("built", bin)
			e.Setenv("MINILAB_DATA", filepath.Join(e.WorkDir, "data"))
			e.Setenv("MINILAB_MIN_FREE", "1MiB")
			e.Values[labKey{}] = &scriptLab{Lab: trials.Lab{Topology: topology}}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lab":     cmdLab,
			"http":    cmdHTTP,
			"capture": cmdCapture,
			"image":   cmdImage,
			"swapped": cmdSwapped,
			"pixel":   cmdPixel,
			"await":   cmdAwait,
			"until":   cmdUntil,
			"means":   cmdMeans,
			"finish":  cmdFinish,
			"newer":   cmdNewer,
			"memory":  cmdMemory,
			"idle":    cmdIdle,
			"await-url": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(trials.WaitReady(context.Background(), strings.TrimSuffix(args[0], "/readyz")))
			},
		},
	})
}

// built is the path of an executable that `make build` has left.
func built(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("run `make build` first: %v", err)
	}
	return path
}
