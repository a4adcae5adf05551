package webhook

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"minilab/internal/hook"
)

// start runs a program that the test's end ends, and gives the lines that it
// prints.
func start(t *testing.T, cmd *exec.Cmd) (stdout, stderr *bufio.Reader) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return bufio.NewReader(out), bufio.NewReader(errs)
}

// TestTheExampleReceives has the receiver of the examples take what is signed,
// once, and nothing else.
func TestTheExampleReceives(t *testing.T) {
	l := open(t)
	cmd := exec.Command("python3", "../../examples/receiver.py")
	cmd.Env = append(os.Environ(), "WEBHOOK_PORT=0", "WEBHOOK_SECRET="+hook.NewSecret()+" "+l.secret())
	out, errs := start(t, cmd)
	line, err := errs.ReadString('\n')
	l.ok(err)
	url := strings.TrimSpace(line[strings.Index(line, "http://"):])
	l.finish("a", url)
	d := l.deliverer()
	l.round(d)
	if got := l.only(); got.State != hook.Delivered {
		t.Fatalf("delivery %+v", got)
	}
	_, err = l.tasks.Redeliver(t.Context(), "ann", l.only().ID)
	l.ok(err)
	l.round(d)
	for _, wrong := range [][]string{{hook.NewSecret()}, {}} {
		one := hook.Claimed{Delivery: hook.Delivery{ID: "msg_x", Type: hook.Test, Data: []byte(`{}`), URL: url}, Secrets: wrong}
		if status := send(t, one, time.Now()); status != http.StatusBadRequest {
			t.Errorf("signed with %q: %d", wrong, status)
		}
	}
	right := hook.Claimed{Delivery: hook.Delivery{ID: "msg_x", Type: hook.Test, Data: []byte(`{}`), URL: url}, Secrets: []string{l.secret()}}
	for _, wrong := range []time.Duration{-time.Hour, time.Hour} {
		if status := send(t, right, time.Now().Add(wrong)); status != http.StatusBadRequest {
			t.Errorf("signed %v from now: %d", wrong, status)
		}
	}
	if status := send(t, right, time.Now()); status != http.StatusNoContent {
		t.Errorf("signed as it should be: %d", status)
	}
	first, err := out.ReadString('\n')
	l.ok(err)
	second, err := out.ReadString('\n')
	l.ok(err)
	if !strings.Contains(first, `"id": "a"`) || !strings.Contains(second, hook.Test) {
		t.Errorf("it printed %s and %s", first, second)
	}
}

func send(t *testing.T, one hook.Claimed, at time.Time) int {
	t.Helper()
	req, err := request(t.Context(), one, at)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// block is the code of docs/webhooks.md behind a mark.
func block(t *testing.T, mark string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "<!-- run by a test: "+mark+" -->\n```")
	_, rest, _ = strings.Cut(rest, "\n")
	code, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatalf("no code for %s", mark)
	}
	return code
}

// messages are calls as they come to a receiver, and whether they are good.
func messages(t *testing.T, secret string) (list []call, good []bool) {
	t.Helper()
	one := hook.Claimed{Delivery: hook.Delivery{ID: "msg_x", Type: hook.Test, Data: []byte(`{"ä":1}`), URL: "http://h/"}, Secrets: []string{hook.NewSecret(), secret}}
	add := func(is bool, one hook.Claimed, at time.Time, change func(c *call)) {
		req, err := request(t.Context(), one, at)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(req.Body)
		c := call{req.Header, body}
		change(&c)
		list, good = append(list, c), append(good, is)
	}
	add(true, one, time.Now(), func(*call) {})
	add(false, one, time.Now(), func(c *call) { c.body[len(c.body)-2]++ })
	add(false, one, time.Now(), func(c *call) { c.header.Set("webhook-id", "msg_y") })
	add(false, one, time.Now().Add(-time.Hour), func(*call) {})
	add(false, one, time.Now().Add(-time.Hour), func(c *call) { c.header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10)) })
	one.Secrets = one.Secrets[:1]
	add(false, one, time.Now(), func(*call) {})
	return list, good
}

// TestTheDocsVerify runs the page's code in each language.
func TestTheDocsVerify(t *testing.T) {
	secret := hook.NewSecret()
	list, good := messages(t, secret)
	python := block(t, "python") + `
import json, sys
c = json.load(sys.stdin)
print(verify(c["secret"], c["headers"], c["body"].encode()))`
	node := block(t, "node") + `
const c = JSON.parse(require("node:fs").readFileSync(0));
console.log(verify(c.secret, c.headers, Buffer.from(c.body)));`
	for i, c := range list {
		headers := map[string]string{}
		for name := range c.header {
			headers[strings.ToLower(name)] = c.header.Get(name)
		}
		input := text(map[string]any{"secret": secret, "headers": headers, "body": string(c.body)})
		for _, run := range [][]string{{"python3", "-c", python}, {"node", "-e", node}} {
			cmd := exec.Command(run[0], run[1:]...)
			cmd.Stdin = strings.NewReader(input)
			out, err := cmd.CombinedOutput()
			if got := strings.ToLower(strings.TrimSpace(string(out))); err != nil || got != strconv.FormatBool(good[i]) {
				t.Errorf("%s takes message %d: %s, %v; want %v", run[0], i, got, err, good[i])
			}
		}
	}
}

func TestTheDocsVerifyInGo(t *testing.T) {
	dir, secret := t.TempDir(), hook.NewSecret()
	code, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "receiver")
	if err := os.WriteFile(code, []byte(block(t, "go")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", program, code).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret, "WEBHOOK_ADDRESS="+address)
	start(t, cmd)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for up := false; !up && ctx.Err() == nil; {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if up = err == nil; up {
			c.Close()
		}
	}
	list, good := messages(t, secret)
	for i, c := range list {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address, bytes.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = c.header
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if taken := resp.StatusCode == http.StatusNoContent; taken != good[i] {
			t.Errorf("message %d: %s", i, resp.Status)
		}
	}
}
