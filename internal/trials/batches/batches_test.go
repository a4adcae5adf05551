// Package batches kills `minilab submit` in the middle of a folder of images,
// and the lab too, and gives the same command again until all is done.
package batches

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"minilab/internal/trials"
)

var (
	images = flag.Int("images", 1000, "how many images the folder has")
	seed   = flag.Uint64("seed", 0, "of what is killed when; 0: another one each time")
)

// TestKilledInTheMiddle: every image has one task and one result, with the
// right pixels, whatever was killed on the way.
func TestKilledInTheMiddle(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("seed %d", *seed)
	rng := rand.New(rand.NewPCG(*seed, 0))
	l := start(t)
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	for i := range *images {
		write(t, in, nameOf(i), imageOf(t, i))
	}
	c := command{l, in, out}
	for range 4 {
		until := count(t, out) + 1 + rng.IntN(*images/5)
		run := c.start(t)
		run.killAt(t, out, until)
	}
	// The lab dies under the last run, which waits for it.
	run := c.start(t)
	reached(t, run, out, count(t, out)+1+rng.IntN(*images/10))
	l.Kill("up")
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := run.cmd.Wait(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, run.stderr.String())
	}
	t.Logf("%s", run.stderr.String())
	c.check(t)
	again := c.start(t)
	if err := again.cmd.Wait(); err != nil || !strings.Contains(again.stderr.String(), fmt.Sprintf(": 0 done, %d there already, 0 failed", *images)) {
		t.Errorf("once more: %v\n%s", err, again.stderr.String())
	}
}

func start(t *testing.T) *trials.Lab {
	t.Helper()
	l, err := trials.New("../../..", t.TempDir(), trials.OneProcess)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if logs := l.KillAll(); t.Failed() {
			t.Log(logs[max(0, len(logs)-10000):])
		}
	})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// command is the one that is given again and again.
type command struct {
	lab     *trials.Lab
	in, out string
}

type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
}

func (c command) start(t *testing.T) *process {
	t.Helper()
	p := &process{cmd: exec.Command(c.lab.Bin, "submit", c.in, "-o", c.out, "--pipeline", "swap", "--parallel", "16", "--server", c.lab.URL("frontend"))}
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

func (p *process) killAt(t *testing.T, out string, n int) {
	t.Helper()
	reached(t, p, out, n)
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
}

// reached waits until there are n results. A folder tells nobody: it looks
// again and again.
func reached(t *testing.T, p *process, out string, n int) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	end := time.After(2 * time.Minute)
	for count(t, out) < n {
		select {
		case <-look.C:
		case <-end:
			t.Fatalf("%d of %d results after two minutes\n%s", count(t, out), n, p.stderr.String())
		}
	}
}

// count is how many results there are.
func count(t *testing.T, out string) (n int) {
	t.Helper()
	folders, err := os.ReadDir(out)
	if err != nil {
		return 0 // not made yet
	}
	for _, f := range folders {
		if files, err := os.ReadDir(filepath.Join(out, f.Name())); err == nil && f.Name() != ".minilab" {
			n += len(files)
		}
	}
	return n
}

func (c command) check(t *testing.T) {
	t.Helper()
	if n := count(t, c.out); n != *images {
		t.Errorf("%d results of %d images", n, *images)
	}
	for i := range *images {
		after, err := os.ReadFile(filepath.Join(c.out, nameOf(i)))
		if err != nil {
			t.Error(err)
			continue
		}
		if err := trials.Swapped(imageOf(t, i), after, 0); err != nil {
			t.Errorf("%s: %v", nameOf(i), err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(c.out, ".minilab", "parts")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	c.checkTasks(t)
}

// checkTasks looks at the lab: one task for each image.
func (c command) checkTasks(t *testing.T) {
	t.Helper()
	list, err := exec.Command(c.lab.Bin, "list", "--limit", "0", "--json", "--server", c.lab.URL("frontend")).Output()
	if err != nil {
		t.Fatal(err)
	}
	tasks := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(list)); lines.Scan(); {
		var task struct {
			State  string
			Source struct{ SHA256 string }
		}
		if err := json.Unmarshal(lines.Bytes(), &task); err != nil || task.State != "finished" {
			t.Errorf("%s: %v", lines.Bytes(), err)
		}
		tasks[task.Source.SHA256]++
	}
	if len(tasks) != *images {
		t.Errorf("%d images have tasks, of %d", len(tasks), *images)
	}
	for image, n := range tasks {
		if n != 1 {
			t.Errorf("%s has %d tasks", image, n)
		}
	}
}

func nameOf(i int) string { return fmt.Sprintf("%02d/photo %d.png", i%7, i) }

func imageOf(t *testing.T, i int) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, trials.Mosaic(48, 32, uint64(i))); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
