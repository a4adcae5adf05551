package frontend_test

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"minilab/internal/frontend"
	"minilab/internal/frontend/frontendtest"
	"minilab/internal/lab"
)

// liveDocs is the block of docs/live.md that follows the mark.
func liveDocs(t *testing.T, mark string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/live.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(page), "<!-- run by a test: "+mark+" -->\n```")
	_, block, _ = strings.Cut(block, "\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !ended {
		t.Fatalf("docs/live.md has no block %s", mark)
	}
	return block
}

var (
	eventOrField = regexp.MustCompile(`(?m)^event: \w+|^retry: |^id: |"\w+":`)
	aNumber      = regexp.MustCompile(`"seconds":`) // nobody knows it where nothing has been done yet
)

// shapeOf is a stream without its values, and without the places that are told
// again when the queue has moved.
func shapeOf(text string) []string {
	first := true
	text = strings.Join(slices.DeleteFunc(strings.SplitAfter(text, "\n\n"), func(event string) bool {
		again := strings.HasPrefix(event, "event: queued") && !first
		first = first && !strings.HasPrefix(event, "event: queued")
		return again
	}), "")
	return slices.DeleteFunc(eventOrField.FindAllString(text, -1), aNumber.MatchString)
}

// TestLiveDocsCurl runs the page's command, which is told what the page says.
func TestLiveDocsCurl(t *testing.T) {
	s := serveLab(t)
	server := s.serve()
	defer func() { _ = server.Shutdown(t.Context()) }()
	task := s.submit(noise(t, 20, 10), "")
	command := strings.ReplaceAll(liveDocs(t, "curl"), "http://127.0.0.1:8080", s.url)
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", command)
	cmd.Env = append(os.Environ(), "KEY="+s.owner, "ID="+task.ID, "no_proxy=*")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "id: ") && strings.Count(text.String(), "\nid: ") == 1 {
			s.work()
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if got, want := shapeOf(text.String()), shapeOf(liveDocs(t, "told")); !slices.Equal(got, want) {
		t.Errorf("it says\n%s\nand is\n%q, want\n%q", text.String(), got, want)
	}
}

// TestLiveDocsBrowser runs the page's script on a page of the lab's own.
func TestLiveDocsBrowser(t *testing.T) {
	s := serveLab(t, func(c *frontend.Config) { c.Keys = nil })
	server := s.serve()
	defer func() { _ = server.Shutdown(t.Context()) }()
	task := s.submit(noise(t, 20, 10), "")
	p := frontendtest.Open(t.Context(), t, s.url)
	const has = `const id = "%", bar = {}, picture = {};`
	frontendtest.Value[bool](p, strings.Replace(has, "%", task.ID, 1)+liveDocs(t, "browser")+"; true")
	p.Await(`events.readyState === EventSource.OPEN`)
	w := s.claim()
	if err := s.f.Lab.Heartbeat(t.Context(), w.ID, w.Lease, lab.Beat{Progress: 0.4, Stage: "altering"}); err != nil {
		t.Fatal(err)
	}
	p.Await(`bar.value === 0.4`)
	s.finish(w)
	p.Await(`picture.src !== undefined && events.readyState === EventSource.CLOSED`)
	if status := frontendtest.Value[int](p, `fetch(picture.src).then((r) => r.status)`); status != 200 {
		t.Errorf("the picture is answered with %d", status)
	}
}
