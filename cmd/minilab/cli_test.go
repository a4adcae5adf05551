package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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
		{"cli watch", "finished"},
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
		"rm":                    2,
		"list --limit x":        2,
		"prset":                 2,
		"keys":                  0,
		"keys mak":              2,
		"keys create --owner x": 2,
		"keys create --owner x --scope read --expires 2020-01-31T00:00:00Z": 2,
		"serve cellar": 2,
		"up more":      2,
		"token":        0,
		"submit photo.jpg --pipeline page:9 --wait":      3,
		"submit photo.jpg --pipeline page:8 --tag pages": 0,
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

// TestProgressBar: on a terminal there is a bar, above it what has failed.
func TestProgressBar(t *testing.T) {
	t.Parallel()
	l, dir := exampleLab(t, trials.OneProcess)
	write(t, filepath.Join(dir, "photo.jpg"), trials.JPEG(320, 240, 1))
	write(t, filepath.Join(dir, "te\x1b[2Jxt"), []byte("no pixels"))
	terminal, far := openTerminal(t)
	cmd := exec.Command(l.Bin, "submit", "photo.jpg", "te\x1b[2Jxt", "-o", "out", "--server", l.URL("frontend"))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TERM=xterm")
	cmd.Stdout, cmd.Stderr = far, far
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	far.Close()
	screen, _ := io.ReadAll(terminal) // ends with an error, with the last process that has it
	_ = cmd.Wait()
	for _, want := range []string{"2 of 2 images, 1 failed  [==", `"te\x1b[2Jxt": `, "\r\n2 images: 1 done, 0 there already, 1 failed\r\n"} {
		if !strings.Contains(string(screen), want) {
			t.Errorf("%q is not on the screen:\n%q", want, screen)
		}
	}
	if strings.Contains(string(screen), "te\x1b[2J") {
		t.Errorf("a file's name gives the terminal orders: %q", screen)
	}
}

// openTerminal gives both ends of a terminal of 100 columns.
func openTerminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	fd := int(near.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100}); err != nil {
		t.Fatal(err)
	}
	if far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// TestFullDisk: a batch is given up, leaves nothing half done, and goes on when
// there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	l, dir := exampleLab(t, trials.OneProcess)
	write(t, filepath.Join(dir, "photo.jpg"), trials.JPEG(320, 240, 1))
	command := "bin/minilab submit photo.jpg -o out --server " + l.URL("frontend")
	out := runShell(t, dir, "ulimit -f 2; "+command+" 2>&1 || echo status $?") // 2 KiB
	if !strings.Contains(out, "minilab: the results cannot be stored: ") || !strings.Contains(out, "the same command goes on from here\nstatus 1\n") {
		t.Errorf("with a full disk it says\n%s", out)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "out", "[^.]*")); err != nil || len(files) > 0 {
		t.Errorf("there are %v, %v", files, err)
	}
	runShell(t, dir, command)
	if err := trials.Swapped(read(t, filepath.Join(dir, "photo.jpg")), read(t, filepath.Join(dir, "out", "photo.jpg")), 2); err != nil {
		t.Error(err)
	}
}
