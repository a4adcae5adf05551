package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"minilab/internal/trials"
)

// TestCLIPage runs the commands of the page on the command line.
func TestCLIPage(t *testing.T) {
	t.Parallel()
	l, dir := exampleLab(t, trials.OneProcess)
	write(t, filepath.Join(dir, "photo.jpg"), trials.JPEG(320, 240, 1))
	if err := os.MkdirAll(filepath.Join(dir, "photos", "more"), 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "photos", "one.jpg"), trials.JPEG(320, 240, 2))
	write(t, filepath.Join(dir, "photos", "more", "two.png"), trials.PNG(320, 240, 3))
	page := string(read(t, "../../docs/cli.md"))
	for _, x := range []struct{ mark, says string }{
		{"cli one", "finished"},
		{"cli folder", "more/two.png\tresults/more/two.webp"},
		{"cli outputs", "shop/one-thumb.webp"},
		{"cli tasks", `"state":"finished"`},
		{"cli presets", "results/photo.webp"},
	} {
		block := "set -eu; export PATH=$PWD/bin:$PATH MINILAB_SERVER=" + l.URL("frontend") + "\n" + shellBlock(t, page, x.mark)
		if out := runShell(t, dir, block); !strings.Contains(out, x.says) {
			t.Errorf("%s says\n%s", x.mark, out)
		}
	}
	if same := read(t, filepath.Join(dir, "same.jpg")); !bytes.Equal(same, read(t, filepath.Join(dir, "photo.jpg"))) {
		t.Error("the original is another image")
	}
}

// TestExitCodes: as docs/cli.md has them.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	l, dir := exampleLab(t, trials.OneProcess)
	write(t, filepath.Join(dir, "photo.jpg"), trials.JPEG(32, 24, 1))
	write(t, filepath.Join(dir, "text"), []byte("no pixels"))
	for args, want := range map[string]int{
		"list":                                 0,
		"submit photo.jpg --wait":              0,
		"submit photo.jpg text":                3,
		"submit photo.jpg --pipeline webp:800": 1,
		"submit none.jpg":                      1,
		"submit":                               2,
		"submit photo.jpg --parallel 0":        2,
		"submit photo.jpg --colour":            2,
		"status a b":                           3,
		"status a":                             1,
		"status":                               2,
		"list --server nonsense":               2,
		"list --server http://127.0.0.1:1 --patience 0s": 1,
		"rm":             2,
		"list --limit x": 2,
	} {
		cmd := exec.Command(l.Bin, strings.Fields(args)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "MINILAB_SERVER="+l.URL("frontend"))
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("minilab %s ends with %d, want %d:\n%s", args, got, want, out)
		}
	}
}

// TestTheKeyIsNotShown: neither when it is refused nor when nobody is there.
func TestTheKeyIsNotShown(t *testing.T) {
	t.Parallel()
	l, _ := exampleLab(t, trials.OneProcess)
	for _, server := range []string{l.URL("frontend"), "http://127.0.0.1:1", "http://user:hidden@127.0.0.1:1", "http://hidden@%zz"} {
		for _, args := range []string{"list", "list --json", "submit /dev/null", "list --key hidden", "status x y"} {
			cmd := exec.Command(l.Bin, append(strings.Fields(args), "--server", server, "--patience", "0s")...)
			cmd.Env = append(os.Environ(), "MINILAB_KEY=hidden")
			if out, err := cmd.CombinedOutput(); err == nil || bytes.Contains(out, []byte("hidden")) {
				t.Errorf("minilab %s at %s: %v\n%s", args, server, err, out)
			}
		}
	}
}

// TestInterrupted: Ctrl-C ends a batch cleanly, and says how to go on.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	l, dir := exampleLab(t, trials.OneProcess)
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o750); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		write(t, filepath.Join(dir, "in", fmt.Sprintf("%d.png", i)), trials.PNG(64, 48, uint8(i)))
	}
	cmd := exec.Command(l.Bin, "submit", "in", "-o", "out", "--parallel", "2", "--server", l.URL("frontend"))
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 100)); err != nil { // the first result is told
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var rest bytes.Buffer
	_, _ = rest.ReadFrom(out)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.HasSuffix(errs.String(), "minilab: stopped; the same command goes on from here\n") {
		t.Errorf("it ends with %d and says\n%s", code, errs.String())
	}
	if left, err := os.ReadDir(filepath.Join(dir, "out", ".minilab", "parts")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
