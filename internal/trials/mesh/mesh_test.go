// Package mesh tries labs of processes whose services listen where others than
// their machine may call them: with one secret, with a new one while they run,
// and with two that do not agree.
package mesh

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"minilab/internal/auth/mesh"
	"minilab/internal/trials"
)

// guarded are the services of a lab that listen and need a token.
var guarded = map[string]string{"kv": "/kv/presets/a", "storage": "/images/finished/", "taskdb": "/tasks", "master": "/getWork"}

// host is an address of this machine that is not the loopback's, or all of them
// where it has no other.
func host(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return "0.0.0.0"
}

func secretFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := mesh.Create(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// newLab is one of six processes beyond the loopback, with the secret of a file.
func newLab(t *testing.T, secret string) *trials.Lab {
	t.Helper()
	l, err := trials.New("../../..", t.TempDir(), trials.SixProcesses)
	if err != nil {
		t.Fatal(err)
	}
	l.Host = host(t)
	l.Env = append(l.Env, "MINILAB_SECRET_FILE="+secret)
	t.Cleanup(func() {
		if logs := l.KillAll(); t.Failed() {
			t.Log(logs)
		}
	})
	return l
}

// develop has an image of its own made, and checks it.
func develop(ctx context.Context, l *trials.Lab, seed uint8) error {
	c := trials.Customer{Base: l.URL("frontend"), HTTP: http.DefaultClient}
	photo := trials.PNG(64, 48, seed)
	id, err := c.Upload(ctx, photo)
	if err != nil {
		return err
	}
	if _, err := c.Await(ctx, id); err != nil {
		return err
	}
	after, err := c.Result(ctx, id)
	if err != nil {
		return err
	}
	return trials.Swapped(photo, after, 0)
}

// status of a call, with a token unless it is empty.
func status(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// command is what the command line answers.
func command(t *testing.T, l *trials.Lab, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), l.Bin, args...)
	cmd.Env = append(l.Env, "MINILAB_KV="+l.URL("kv"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("minilab %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// TestOneSecret: an image goes through all the services, a stranger gets nowhere,
// and nobody logs a token.
func TestOneSecret(t *testing.T) {
	t.Parallel()
	l := newLab(t, secretFile(t))
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := develop(t.Context(), l, 1); err != nil {
		t.Fatal(err)
	}
	operator, worker := command(t, l, "token", "operator"), command(t, l, "token", "worker", "--ttl", "24h")
	for service, path := range guarded {
		url := l.URL(service) + path
		if strings.Contains(url, "127.0.0.1") {
			t.Errorf("%s is at %s", service, url)
		}
		if got := status(t, url, ""); got != http.StatusUnauthorized {
			t.Errorf("%s without a token answers %d", url, got)
		}
		if got := status(t, url, operator); got == http.StatusUnauthorized || got == http.StatusForbidden {
			t.Errorf("%s with an operator's token answers %d", url, got)
		}
		if got := status(t, url, worker); (got == http.StatusNoContent) != (service == "master") {
			t.Errorf("%s with a worker's token answers %d", url, got)
		}
	}
	command(t, l, "preset", "set", "plain", "png")
	if list := command(t, l, "preset", "list"); !strings.HasPrefix(list, "plain") {
		t.Errorf("the presets are %q", list)
	}
	for _, p := range l.Processes() {
		if strings.Contains(p.Log(), "eyJ") {
			t.Errorf("%s logs a token:\n%s", p.Name, p.Log())
		}
	}
	if err := l.Stop(); err != nil {
		t.Error(err)
	}
}

// TestRotation gives the lab another secret while images go through it, in the
// steps of docs/operating.md; no process is started again.
func TestRotation(t *testing.T) {
	t.Parallel()
	secret := secretFile(t)
	l := newLab(t, secret)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}
	old, next := strings.TrimSpace(string(before)), mesh.NewSecret()
	token := command(t, l, "token", "operator")
	if got := status(t, l.URL("taskdb")+"/tasks", token); got != http.StatusOK {
		t.Errorf("before, the token is answered %d", got)
	}
	seed := uint8(0)
	for step, lines := range [][]string{{old, next}, {next, old}, {next}} {
		if err := os.WriteFile(secret, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		for late := time.Now().Add(20 * time.Second); !inForce(l, step+1); seed++ { // images go on meanwhile
			if err := develop(t.Context(), l, seed); err != nil {
				t.Fatalf("step %d, image %d: %v", step, seed, err)
			}
			if time.Now().After(late) {
				t.Fatalf("step %d is not in force everywhere", step)
			}
		}
	}
	if err := develop(t.Context(), l, 0); err != nil {
		t.Error(err)
	}
	if got := status(t, l.URL("taskdb")+"/tasks", token); got != http.StatusUnauthorized {
		t.Errorf("a token of the old secret is answered %d", got)
	}
}

// inForce says whether every process has taken over so many changes.
func inForce(l *trials.Lab, changes int) bool {
	for _, p := range l.Processes() {
		if strings.Count(p.Log(), "the secret file has changed") < changes {
			return false
		}
	}
	return true
}

// TestForeignWorker: a worker of one's own does its work with a token of its role.
func TestForeignWorker(t *testing.T) {
	t.Parallel()
	l := newLab(t, secretFile(t))
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	declaration, err := os.Open("../../../examples/archive.json")
	if err != nil {
		t.Fatal(err)
	}
	defer declaration.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.URL("kv")+"/kv/operations/archive", declaration)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+command(t, l, "token", "operator"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusCreated {
		t.Fatalf("the declaration is answered %d", resp.StatusCode)
	}
	worker := exec.CommandContext(t.Context(), "../../../examples/worker.sh")
	worker.Env = append(os.Environ(), "MINILAB_MASTER="+l.URL("master"), "MINILAB_TOKEN="+command(t, l, "token", "worker"))
	worker.Cancel = func() error { return worker.Process.Signal(syscall.SIGTERM) }
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = worker.Wait() }) // after the test's context has ended it
	photo := trials.PNG(64, 48, 1)
	c := trials.Customer{Base: l.URL("frontend"), HTTP: http.DefaultClient}
	id, err := c.Order(t.Context(), photo, url.Values{"pipeline": {"archive"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if s, err := c.Await(ctx, id); err != nil || s.Status != "finished" {
		t.Fatalf("the image is %+v, %v", s, err)
	}
	if got, err := c.Result(ctx, id); err != nil || !bytes.Equal(got, photo) {
		t.Errorf("the result is another image, %v", err)
	}
}

// TestTwoSecrets: a process that has another secret, or none, says so in its log
// and is not ready; the rest of the lab goes on.
func TestTwoSecrets(t *testing.T) {
	for other, secret := range map[string]string{"another": secretFile(t), "none": ""} {
		for _, victim := range []string{"frontend", "storage"} {
			t.Run(victim+" "+other, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, secretFile(t))
				l.Prepare = func(name string, cmd *exec.Cmd) {
					if name != victim {
						return
					}
					if cmd.Env = append(cmd.Env, "MINILAB_SECRET_FILE="+secret); secret == "" {
						cmd.Env = append(cmd.Env, "MINILAB_LISTEN="+victim+"=127.0.0.1:0") // elsewhere it would not start
					}
				}
				outcast(t, l, victim)
			})
		}
	}
}

func outcast(t *testing.T, l *trials.Lab, victim string) {
	t.Helper()
	var err error
	for late := time.Now().Add(30 * time.Second); time.Now().Before(late); { // it is never ready, and at last says why
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err = l.Start(ctx)
		cancel()
		if err == nil || strings.Contains(err.Error(), "[-] secret secret-refused") {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "[-] secret secret-refused") {
		t.Errorf("the lab starts: %v", err)
	}
	log := l.Process(victim).Log()
	if !strings.Contains(log, "a service refuses the calls of this process") || !strings.Contains(log, "--secret-file") {
		t.Errorf("the %s says\n%s", victim, log)
	}
	if victim == "frontend" { // whose customers are told no more than that a service is away
		a, ok := errors.AsType[*trials.Answer](develop(t.Context(), l, 1))
		if !ok || a.Status != http.StatusServiceUnavailable || strings.Contains(a.Body, "secret") || strings.Contains(a.Body, "token") {
			t.Errorf("a customer is answered %v", a)
		}
	}
	if got := status(t, l.URL("taskdb")+"/readyz", ""); got != http.StatusOK {
		t.Errorf("the task database answers %d", got)
	}
}
