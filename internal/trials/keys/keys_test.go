// Package keys tries labs of processes that have API keys: how soon a key that
// is revoked is refused everywhere, what goes on while nobody can be asked, and
// who can connect to a frontend before there is a key.
package keys

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/trials"
)

// twoFrontends is a lab whose customers come to either of two.
var twoFrontends = trials.Topology{"kv", "taskdb", "storage", "master", "worker", "frontend", "frontend.2"}

func start(t *testing.T, topology trials.Topology, prepare func(name string, cmd *exec.Cmd)) *trials.Lab {
	t.Helper()
	l, err := trials.New("../../..", t.TempDir(), topology)
	if err != nil {
		t.Fatal(err)
	}
	l.Prepare = prepare
	t.Cleanup(func() {
		if logs := l.KillAll(); t.Failed() {
			t.Log(logs)
		}
	})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// command is what `minilab keys` answers.
func command(t *testing.T, l *trials.Lab, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), l.Bin, append([]string{"keys"}, args...)...)
	cmd.Env = append(l.Env, "MINILAB_KV="+l.URL("kv"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("minilab keys %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// create gives a key and its ID.
func create(t *testing.T, l *trials.Lab, owner string) (key, id string) {
	t.Helper()
	key = command(t, l, "create", "--owner", owner, "--scope", "submit,read")
	return key, strings.Split(key, "_")[1]
}

// shown shows a key with every request.
type shown string

func (key shown) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(key))
	return http.DefaultTransport.RoundTrip(r)
}

// status of a call, with a key unless it is empty; 0 where nobody can connect.
func status(t *testing.T, url, key string) int {
	t.Helper()
	c := &http.Client{Timeout: time.Minute}
	if key != "" {
		c.Transport = shown(key)
	}
	resp, err := c.Get(url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// until asks until the status is the one that is wanted, and says how long
// that took.
func until(t *testing.T, url, key string, want int) time.Duration {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	began := time.Now()
	for ; ; <-again.C {
		got := status(t, url, key)
		took := time.Since(began)
		if got == want {
			return took
		}
		if took > 10*time.Second {
			t.Fatalf("%s still answers %d after %v, want %d", url, got, took, want)
		}
	}
}

// develop has an image made by one frontend and fetches it from another.
func develop(t *testing.T, from, to, key string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	photo := trials.PNG(64, 48, 1)
	in := trials.Customer{Base: from, HTTP: &http.Client{Transport: shown(key)}}
	out := trials.Customer{Base: to, HTTP: in.HTTP}
	id, err := in.Upload(ctx, photo)
	if err != nil {
		return err
	}
	if _, err := out.Await(ctx, id); err != nil {
		return err
	}
	after, err := out.Result(ctx, id)
	if err != nil {
		return err
	}
	return trials.Swapped(photo, after, 0)
}

// TestRevoking: a key is good on every frontend at once, and refused by all of
// them within a second of being revoked.
func TestRevoking(t *testing.T) {
	l := start(t, twoFrontends, nil)
	frontends := l.URLs("frontend")
	if len(frontends) != 2 {
		t.Fatalf("the frontends are %v", frontends)
	}
	stays, _ := create(t, l, "stays")
	var longest time.Duration
	for i := range 10 {
		key, id := create(t, l, fmt.Sprintf("owner-%d", i))
		for _, base := range frontends {
			if got := status(t, base+"/session", key); got != http.StatusOK {
				t.Fatalf("a key that was just made: %s answers %d", base, got)
			}
		}
		command(t, l, "revoke", id)
		var all sync.WaitGroup
		took := make([]time.Duration, len(frontends))
		for n, base := range frontends {
			all.Go(func() { took[n] = until(t, base+"/session", key, http.StatusUnauthorized) })
		}
		all.Wait()
		longest = max(longest, took[0], took[1])
		if status(t, frontends[0]+"/session", stays) != http.StatusOK {
			t.Fatal("another key is refused")
		}
	}
	t.Logf("of 10 keys, each on 2 frontends, the last was refused %v after it was revoked", longest)
	if longest > time.Second {
		t.Errorf("a key was good for %v after it was revoked", longest)
	}
	if err := develop(t, frontends[0], frontends[1], stays); err != nil {
		t.Error(err)
	}
	if list := command(t, l, "list"); strings.Count(list, "\n") != 1 || !strings.Contains(list, "stays") {
		t.Errorf("the keys are\n%s", list)
	}
}

// TestWhileTheStoreIsAway: what was known is good, what was not is refused, and
// keys are looked after again when the store is back.
func TestWhileTheStoreIsAway(t *testing.T) {
	l := start(t, twoFrontends, nil)
	base := l.URL("frontend")
	key, _ := create(t, l, "shop")
	gone, id := create(t, l, "gone")
	for _, f := range l.URLs("frontend") {
		until(t, f+"/session", key, http.StatusOK)
		until(t, f+"/session", gone, http.StatusOK)
		until(t, f+"/session", "", http.StatusUnauthorized)
	}
	if err := develop(t, base, base, key); err != nil { // the worker has found the others
		t.Fatal(err)
	}
	l.Kill("kv")
	for _, f := range l.URLs("frontend") {
		if got := status(t, f+"/session", key); got != http.StatusOK {
			t.Errorf("a key that was known: %d", got)
		}
		if got := status(t, f+"/session", ""); got != http.StatusUnauthorized {
			t.Errorf("no key: %d", got)
		}
		if got := status(t, f+"/session", key[:len(key)-1]+"x"); got != http.StatusUnauthorized {
			t.Errorf("a key with a typing error: %d", got)
		}
	}
	if err := develop(t, base, base, key); err != nil {
		t.Errorf("an image: %v", err)
	}
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	command(t, l, "revoke", id)
	for _, f := range l.URLs("frontend") {
		until(t, f+"/session", gone, http.StatusUnauthorized)
		if got := status(t, f+"/session", key); got != http.StatusOK {
			t.Errorf("when the store is back: %d", got)
		}
	}
}

// elsewhere is where a listener on all addresses can be connected to, and one
// on 127.0.0.1 cannot.
const elsewhere = "127.0.0.2"

// TestListening: a frontend that is to listen for the network does so while
// there are keys, and else for its machine.
func TestListening(t *testing.T) {
	l := start(t, trials.Topology{"kv", "taskdb", "storage", "master", "frontend"}, func(name string, cmd *exec.Cmd) {
		if name != "frontend" {
			return
		}
		for i, v := range cmd.Env {
			if strings.HasPrefix(v, "MINILAB_LISTEN=") {
				cmd.Env[i] = strings.Replace(v, "127.0.0.1", "0.0.0.0", 1)
			}
		}
	})
	near := l.URL("frontend")
	far := strings.Replace(near, "127.0.0.1", elsewhere, 1)
	if !strings.Contains(near, "127.0.0.1") || status(t, near+"/session", "") != http.StatusOK || canConnect(far) {
		t.Fatalf("without a key it is at %s, elsewhere: %v", near, canConnect(far))
	}
	if log := l.Process("frontend").Log(); !strings.Contains(log, "listens on this machine only, since the lab has no API key") {
		t.Errorf("it does not say why:\n%s", log)
	}

	// What is under way when the first key comes goes on.
	c := trials.Customer{Base: near, HTTP: http.DefaultClient}
	task, err := c.Upload(t.Context(), trials.PNG(8, 8, 1))
	if err != nil {
		t.Fatal(err)
	}
	polled := make(chan int)
	go func() { polled <- status(t, near+"/image/isReady?wait=3s&id="+task, "") }()
	key, id := create(t, l, "shop")
	took := until(t, far+"/session", key, http.StatusOK)
	t.Logf("the network was let in %v after the first key", took)
	if took > 2*time.Second {
		t.Error("that is late")
	}
	if got := <-polled; got != http.StatusOK {
		t.Errorf("the poll that was under way: %d", got)
	}
	for _, base := range []string{near, far} {
		if with, without := status(t, base+"/session", key), status(t, base+"/session", ""); with != http.StatusOK || without != http.StatusUnauthorized {
			t.Errorf("%s: %d with the key, %d without", base, with, without)
		}
	}

	// When the last key goes nothing opens.
	command(t, l, "revoke", id)
	for _, base := range []string{near, far} {
		until(t, base+"/session", key, http.StatusUnauthorized)
		if got := status(t, base+"/session", ""); got != http.StatusUnauthorized {
			t.Errorf("without any key left %s answers %d", base, got)
		}
	}
	again := func() {
		t.Helper()
		l.Kill("frontend")
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	again()
	if status(t, near+"/session", "") != http.StatusOK || canConnect(far) {
		t.Errorf("started without keys: %d, elsewhere: %v", status(t, near+"/session", ""), canConnect(far))
	}
	key, _ = create(t, l, "shop")
	again()
	if got := status(t, far+"/session", key); got != http.StatusOK {
		t.Errorf("started with a key: %d elsewhere", got)
	}
	if log := l.Process("frontend").Log(); strings.Contains(log, "this machine only") {
		t.Errorf("it says:\n%s", log)
	}
}

func canConnect(base string) bool {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(base, "http://"), 5*time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}
