// Package enginetest gives tests engine processes to run: the real one, and
// one that misbehaves on demand.
package enginetest

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"minilab/internal/engine"
)

var built = struct {
	sync.Mutex
	dir   string
	paths map[string]string
}{paths: map[string]string{}}

// Engine is the path of a minilab-engine that is built from this checkout.
func Engine(tb testing.TB) string { return build(tb, "minilab/cmd/minilab-engine") }

// Rogue is the path of an engine that does as the input says; see its package
// for what it can do.
func Rogue(tb testing.TB) string { return build(tb, "minilab/internal/engine/enginetest/rogue") }

// WithoutLandlock is Engine on a kernel that has no Landlock.
func WithoutLandlock(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "minilab-engine")
	runner := build(tb, "minilab/internal/engine/enginetest/nolandlock")
	script(tb, path, fmt.Sprintf("exec %q %q \"$@\"\n", runner, Engine(tb)))
	return path
}

func script(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // it is run
		tb.Fatal(err)
	}
}

// build compiles a command once for all tests of the process. Main removes it.
func build(tb testing.TB, pkg string) string {
	tb.Helper()
	built.Lock()
	defer built.Unlock()
	if path, ok := built.paths[pkg]; ok {
		return path
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "enginetest-")
		if err != nil {
			tb.Fatal(err)
		}
		built.dir = dir
	}
	path := filepath.Join(built.dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", path, pkg)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	built.paths[pkg] = path
	return path
}

// Main runs a package's tests and removes what was built for them. Call it
// from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(built.dir)
	os.Exit(code)
}

// Pool starts a pool that lives as long as the test and logs to it.
func Pool(tb testing.TB, config engine.Config) *engine.Pool {
	tb.Helper()
	pool, err := engine.New(config, slog.New(slog.NewTextHandler(tb.Output(), nil)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// Input is a buffer with data in it that lives as long as the test.
func Input(tb testing.TB, data []byte) *engine.Buffer {
	tb.Helper()
	b, err := engine.NewBuffer("input", int64(len(data)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	if _, err := b.Write(data); err != nil {
		tb.Fatal(err)
	}
	return b
}
