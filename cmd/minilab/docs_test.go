package main

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"minilab/internal/frontend/frontendtest"
	"minilab/internal/trials"
)

// TestREADME runs the README's own commands in a shell, on ports that are free.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	photo := jpegBytes(t, trials.Picture(320, 240))
	curl := shellBlock(t, string(readme), "up") + shellBlock(t, string(readme), "outputs") + shellBlock(t, string(readme), "tasks")
	for name, start := range map[string]string{
		"up":  "bin/minilab up &",
		"six": shellBlock(t, string(readme), "six"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Symlink(filepath.Dir(built(t, "minilab")), filepath.Join(dir, "bin")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "photo.jpg"), photo, 0o600); err != nil {
				t.Fatal(err)
			}
			wait := "\nuntil curl --silent --fail http://127.0.0.1:8080/readyz; do :; done\n"
			script := "set -eu\ntrap 'kill $(jobs -p); wait' EXIT\n" + start + wait + curl
			out := runShell(t, dir, freePorts(t, script))
			if !strings.Contains(out, `"status":"finished"`) {
				t.Errorf("the shell says:\n%s", out)
			}
			swapped, err := os.ReadFile(filepath.Join(dir, "swapped.jpg"))
			if err != nil {
				t.Fatal(err)
			}
			if err := trials.Swapped(photo, swapped, 2); err != nil {
				t.Error(err)
			}
			for _, name := range []string{"small.webp", "fitted.webp"} {
				picture, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil || !bytes.Contains(picture[:min(len(picture), 16)], []byte("WEBPVP8")) {
					t.Errorf("%s is %.16q, %v", name, picture, err)
				}
			}
		})
	}
}

// shellBlock is the shell block that follows the mark.
func shellBlock(t *testing.T, text, mark string) string {
	t.Helper()
	_, after, found := strings.Cut(text, "<!-- run by a test: "+mark+" -->\n```sh\n")
	block, _, closed := strings.Cut(after, "```")
	if !found || !closed {
		t.Fatalf("the README has no block %s", mark)
	}
	return block
}

var (
	started = regexp.MustCompile(`bin/minilab (\w+) &`)
	address = regexp.MustCompile(`127\.0\.0\.1:(808\d)`)
	ports   = map[string]string{"frontend": "8080", "up": "8080", "kv": "8081", "storage": "8082", "taskdb": "8083", "master": "8084"}
)

// freePorts puts free ports into the place of the default ones.
func freePorts(t *testing.T, script string) string {
	t.Helper()
	script = started.ReplaceAllStringFunc(script, func(s string) string {
		service := started.FindStringSubmatch(s)[1]
		if ports[service] == "" {
			return s
		}
		return fmt.Sprintf("bin/minilab %s --listen 127.0.0.1:%s &", service, ports[service])
	})
	free := map[string]string{}
	return address.ReplaceAllStringFunc(script, func(s string) string {
		if free[s] == "" {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			free[s] = l.Addr().String()
		}
		return free[s]
	})
}

func runShell(t *testing.T, dir, script string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s\n%s", err, script, out, stderr.String())
	}
	return string(out)
}

// TestPage has a real browser hand a photo to a real lab.
func TestPage(t *testing.T) {
	cmd := exec.Command(built(t, "minilab"), "up", "--listen", "127.0.0.1:0", "--data", t.TempDir())
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, base, found := strings.Cut(strings.TrimSpace(line), "minilab is ready: ")
	if !found {
		t.Fatalf("up says %q", line)
	}
	before := trials.Picture(320, 240)
	dropped := frontendtest.DropPhoto(t.Context(), t, base, jpegBytes(t, before))
	if d := trials.Distance(before, dropped.Shown); d > 2 {
		t.Errorf("what the page shows is %.2f away from the photo with red and blue swapped", d)
	}
}

func jpegBytes(t *testing.T, m image.Image) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, m, &jpeg.Options{Quality: 92}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// TestLinks follows every relative link of the documentation.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../README.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
}
