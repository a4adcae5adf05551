package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"minilab/internal/pipeline"
	"minilab/internal/trials"
	"minilab/internal/workercheck"
)

// TestExamples runs the commands of the examples' README, in labs of one process
// and of six.
func TestExamples(t *testing.T) {
	t.Parallel() // with others that wait more than they work
	photo := trials.PNG(120, 80, 3)
	for name, topology := range map[string]trials.Topology{"up": trials.OneProcess, "six": trials.SixProcesses} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, dir := exampleLab(t, topology)
			write(t, filepath.Join(dir, "photo.png"), photo)

			declared(t, l, "solarize", "{}", http.StatusBadRequest, `summary is one sentence`)
			declared(t, l, "resize", `{"summary":"Mine."}`, http.StatusBadRequest, `a built-in operation has this name`)
			submitted(t, l, "solarize", photo, http.StatusBadRequest, `at character 1: unknown operation`)
			runExample(t, l, dir, "solarize")
			if out := runShell(t, dir, "bin/minilab ops solarize swap --kv "+l.URL("kv")); !strings.Contains(out, "solarize[:threshold]\n") || !strings.Contains(out, "swap[:order]\n") {
				t.Errorf("the lab's operations are\n%s", out)
			}
			after := solarized(t, photo, 100)
			if !bytes.Equal(pixels(t, read(t, filepath.Join(dir, "solarized.png"))), after) {
				t.Error("the result is not the photo solarized")
			}
			submitted(t, l, "solarise", photo, http.StatusBadRequest, `did you mean \"solarize\"?`)
			submitted(t, l, "solarize/webp", photo, http.StatusBadRequest, `at operation 2: webp cannot be beside solarize`)

			runExample(t, l, dir, "archive")
			if !bytes.Equal(read(t, filepath.Join(dir, "archived.png")), photo) {
				t.Error("the archive's photo is another one")
			}
		})
	}
}

// TestExamplesPassTheCheck runs the README's last commands, which end with an
// error where a worker does not pass.
func TestExamplesPassTheCheck(t *testing.T) {
	t.Parallel()
	block := exampleBlock(t, "check")
	for command := range strings.Lines(block) {
		t.Run(strings.Fields(command)[3], func(t *testing.T) {
			t.Parallel()
			out := runShell(t, exampleDir(t), "set -eu\n"+command)
			if !strings.Contains(out, fmt.Sprintf("%d checks passed, 0 did not.", len(workercheck.Checks))) {
				t.Errorf("the check says:\n%s", out)
			}
		})
	}
}

// exampleDir has bin and examples in it as the project's folder has.
func exampleDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"bin": filepath.Dir(built(t, "minilab")), "examples": examples} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func exampleLab(t *testing.T, topology trials.Topology) (*trials.Lab, string) {
	t.Helper()
	dir := exampleDir(t)
	l, err := trials.New("../..", dir, topology)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if logs := l.KillAll(); t.Failed() {
			t.Log(logs)
		}
	})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l, dir
}

func runExample(t *testing.T, l *trials.Lab, dir, mark string) {
	t.Helper()
	runBlock(t, l, dir, exampleBlock(t, mark))
}

// runBlock runs the commands of a page against the lab, and ends what they have
// started.
func runBlock(t *testing.T, l *trials.Lab, dir, block string) string {
	t.Helper()
	for service, port := range map[string]string{"frontend": "8080", "kv": "8081", "master": "8084"} {
		block = strings.ReplaceAll(block, "http://127.0.0.1:"+port, l.URL(service))
	}
	out := runShell(t, dir, `set -eu; trap '[ -z "$(jobs -p)" ] || kill $(jobs -p); wait' EXIT`+"\n"+block)
	if !strings.Contains(out, `"status":"finished"`) {
		t.Errorf("the shell says:\n%s", out)
	}
	return out
}

func exampleBlock(t *testing.T, mark string) string {
	t.Helper()
	return shellBlock(t, string(read(t, "../../examples/README.md")), mark)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// declared and submitted check what the lab answers.
func declared(t *testing.T, l *trials.Lab, name, declaration string, status int, text string) {
	t.Helper()
	answers(t, l.URL("kv")+"/kv/operations/"+name, []byte(declaration), status, text)
}

func submitted(t *testing.T, l *trials.Lab, pipeline string, image []byte, status int, text string) {
	t.Helper()
	answers(t, l.URL("frontend")+"/newImage?pipeline="+pipeline, image, status, text)
}

func answers(t *testing.T, url string, body []byte, status int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || !strings.Contains(string(answer), text) {
		t.Errorf("%s answers %d %s, %v; want %d with %s", url, resp.StatusCode, answer, err, status, text)
	}
}

// solarized are the pixels of a PNG of which everything from a threshold on is
// inverted, but its alpha.
func solarized(t *testing.T, data []byte, threshold byte) []byte {
	t.Helper()
	pix := pixels(t, data)
	for i, v := range pix {
		if i%4 != 3 && v >= threshold {
			pix[i] = 255 - v
		}
	}
	return pix
}

// pixels are red, green, blue and alpha of each pixel.
func pixels(t *testing.T, data []byte) []byte {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out := image.NewNRGBA(m.Bounds())
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			out.Set(x, y, color.NRGBAModel.Convert(m.At(x, y)))
		}
	}
	return out.Pix
}

// TestWorkerByHand runs the commands of the page on the protocol.
func TestWorkerByHand(t *testing.T) {
	t.Parallel()
	l, dir := exampleLab(t, trials.OneProcess)
	photo := trials.PNG(120, 80, 4)
	write(t, filepath.Join(dir, "photo.png"), photo)
	out := runBlock(t, l, dir, shellBlock(t, protocol(t), "by hand"))
	if !strings.Contains(out, "image: OK") || !bytes.Equal(read(t, filepath.Join(dir, "image")), photo) {
		t.Errorf("the image was not read whole:\n%s", out)
	}
}

// TestProtocolPage: what the page declares can be declared, and it has every check.
func TestProtocolPage(t *testing.T) {
	page := protocol(t)
	_, declaration, _ := strings.Cut(page, "```json\n")
	declaration, _, _ = strings.Cut(declaration, "```")
	op, err := pipeline.Declare("sketch", []byte(declaration))
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.ParseOpen("sketch:3:dots")
	if err != nil {
		t.Fatal(err)
	}
	p, err = pipeline.NewCatalog(op).Resolve(p)
	if err != nil || p.String() != "sketch:style=dots:width=3" {
		t.Errorf("the page's example is %s, %v", p, err)
	}
	for _, c := range workercheck.Checks {
		if row := "| `" + c.Name + "` | " + c.What + " |\n"; !strings.Contains(page, row) {
			t.Errorf("the page has no row %s", row)
		}
	}
}

func protocol(t *testing.T) string {
	t.Helper()
	return string(read(t, "../../docs/worker-protocol.md"))
}
