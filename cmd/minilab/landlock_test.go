package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// On a kernel without Landlock nothing starts that would touch images, and the
// sentence says what to do; told so, the lab runs.
func TestWithoutLandlock(t *testing.T) {
	runner := filepath.Join(t.TempDir(), "nolandlock")
	if out, err := exec.Command("go", "build", "-o", runner, "minilab/internal/engine/enginetest/nolandlock").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	up := []string{built(t, "minilab"), "up", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--min-free", "1MiB"}
	out, err := exec.Command(runner, up...).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := lines[len(lines)-1]
	if err == nil || !strings.HasPrefix(last, "minilab: ") || !strings.Contains(last, "no Landlock") || !strings.Contains(last, "--engine-unsafe") {
		t.Errorf("it ends with %v and %q", err, last)
	}

	lab := exec.Command(runner, append(up, "--engine-unsafe")...)
	lab.Stderr = t.Output()
	stdout, err := lab.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(stdout).ReadString('\n') // once it is ready
	if !strings.Contains(said, "ready") {
		t.Errorf("with --engine-unsafe: %q, %v", said, err)
	}
	_ = lab.Process.Signal(os.Interrupt) // it may have ended, which the next line tells
	if err := lab.Wait(); err != nil {
		t.Errorf("with --engine-unsafe: %v", err)
	}
}
