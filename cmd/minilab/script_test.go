package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"minilab": func() { os.Exit(run()) }})
}

// The scripts in testdata/lab run unchanged over every topology.

func TestOneProcess(t *testing.T)   { runScripts(t, "testdata/lab", oneProcess) }
func TestSixProcesses(t *testing.T) { runScripts(t, "testdata/lab", sixProcesses) }

// TestCommands is about the command line itself.
func TestCommands(t *testing.T) { runScripts(t, "testdata/commands", oneProcess) }

func runScripts(t *testing.T, dir string, topology topology) {
	t.Helper()
	engine, err := filepath.Abs("../../bin/minilab-engine")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(engine); err != nil {
		t.Fatalf("the image engine is not built: run `make build` first: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("MINILAB_ENGINE", engine)
			e.Setenv("MINILAB_DATA", filepath.Join(e.WorkDir, "data"))
			e.Setenv("MINILAB_MIN_FREE", "1MiB")
			e.Values[labKey{}] = &procs{topology: topology}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lab":     cmdLab,
			"http":    cmdHTTP,
			"capture": cmdCapture,
			"image":   cmdImage,
			"swapped": cmdSwapped,
			"await":   cmdAwait,
			"finish":  cmdFinish,
			"newer":   cmdNewer,
			"await-url": func(ts *testscript.TestScript, _ bool, args []string) {
				waitReadyz(ts, strings.TrimSuffix(args[0], "/readyz"))
			},
		},
	})
}
