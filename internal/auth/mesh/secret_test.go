package mesh

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestSecretFiles(t *testing.T) {
	short, exact := strings.Repeat("k", minSecret-1), strings.Repeat("k", minSecret)
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want string // of the error; empty: it can be used
	}{
		"one":            {exact, 0o600, ""},
		"with a newline": {exact + "\n", 0o400, ""},
		"of Windows":     {exact + "\r\n" + secretB + "\r\n", 0o600, ""},
		"with comments":  {"# until May\n" + secretA + "\n\n  " + secretB + "  \n", 0o600, ""},
		"too short":      {short + "\n", 0o600, "has a secret of 31 bytes in line 1, and one has at least 32: make one with `minilab secret`"},
		"second short":   {secretA + "\n" + short, 0o600, "has a secret of 31 bytes in line 2"},
		"spaces":         {strings.Repeat(" ", 40) + short, 0o600, "has a secret of 31 bytes"},
		"empty":          {"", 0o600, "has no secret in it"},
		"comments only":  {"# " + secretA, 0o600, "has no secret in it"},
		"too many":       {strings.Repeat(secretA+"\n", maxSecrets+1), 0o600, "has 9 secrets, and at most 8 are believed"},
		"as many as may": {strings.Repeat(secretA+"\n", maxSecrets), 0o600, ""},
		"too large":      {strings.Repeat("k", maxFile+1), 0o600, "has more than 65536 bytes"},
		"of a group":     {secretA, 0o640, "others than its owner have access to"},
		"of all":         {secretA, 0o604, "(mode 0604): chmod 600 "},
		"written by all": {secretA, 0o602, "others than its owner have access"},
	} {
		path := filepath.Join(t.TempDir(), "secret")
		ok(t, os.WriteFile(path, []byte(tc.text), 0o600))
		ok(t, os.Chmod(path, tc.mode))
		_, err := Join(path, "kv", slog.New(slog.DiscardHandler))
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path)):
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		case err != nil && (strings.Contains(err.Error(), short) || strings.Contains(err.Error(), secretA)):
			t.Errorf("%s: the secret is told: %v", name, err)
		}
	}
}

func TestWhatIsNoSecretFile(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	ok(t, syscall.Mkfifo(fifo, 0o600))
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "absent"): "no such file",
		t.TempDir():                          "is no file",
		fifo:                                 "is no file",
	} {
		if _, err := Join(path, "kv", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	ok(t, Create(path))
	before, err := os.ReadFile(path)
	ok(t, err)
	if err := Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the secret is another one, %v", err)
	}
	m, err := Join(path, "kv", slog.New(slog.DiscardHandler))
	if err != nil || !m.Secured() {
		t.Errorf("it cannot be used: %v", err)
	}
	if one := NewSecret(); one == NewSecret() {
		t.Error("two secrets are the same")
	}
}

// TestRotation goes the way of docs/operating.md: the new secret is believed
// everywhere, then signed with everywhere, then the old one goes. In between any
// process may be a step behind.
func TestRotation(t *testing.T) {
	c := newClock()
	paths := []string{secretFile(t, secretA), secretFile(t, secretA)}
	members := []*Member{member(t, paths[0], "kv", c), member(t, paths[1], "kv", c)}
	agree := func(step string, want bool) {
		t.Helper()
		for i, m := range members {
			text, err := m.token("kv")
			ok(t, err)
			if _, err := call(members[1-i].Guard("kv"), "GET", "/kv/a", "Bearer "+text); (err == nil) != want {
				t.Errorf("%s: %d to %d: %v", step, i, 1-i, err)
			}
		}
	}
	settle := func() {
		for range 2 {
			for _, m := range members {
				m.secret.look()
			}
		}
	}
	agree("before", true)
	for _, lines := range [][]string{{secretA, secretB}, {secretB, secretA}, {secretB}} {
		for i, path := range paths {
			rewrite(t, path, lines...)
			agree("at once", true)
			settle()
			agree(strings.Join(lines, " then ")+" at "+[]string{"one", "both"}[i], true)
		}
	}
	rewrite(t, paths[0], secretA) // what must not be done
	settle()
	agree("two secrets", false)
}

// TestFollow: a change is in force after two looks, by the clock.
func TestFollow(t *testing.T) {
	path := secretFile(t, secretA)
	m := member(t, path, "kv", newClock())
	held := m.secret.keys.Load()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go m.Follow(ctx)
		rewrite(t, path, secretB)
		time.Sleep(2*lookEvery - 1)
		synctest.Wait()
		if m.secret.keys.Load() != held {
			t.Error("it is in force at the first look")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if m.secret.keys.Load() == held {
			t.Error("it is not in force at the second look")
		}
		cancel()
	})
	member(t, "", "kv", newClock()).Follow(t.Context()) // nothing to follow
}

// TestHalfWritten: contents count once they are the same twice, and what cannot
// be used never does.
func TestHalfWritten(t *testing.T) {
	c := newClock()
	path := secretFile(t, secretA)
	var log strings.Builder
	m := logging(t, path, "kv", c, &log)
	held := m.secret.keys.Load()
	for _, text := range []string{secretB, secretB + "and-more", "short", "short", ""} {
		rewrite(t, path, text)
		m.secret.look()
		if m.secret.keys.Load() != held {
			t.Errorf("%q is believed at once", text)
		}
	}
	if n := strings.Count(log.String(), "stay in force"); n != 2 {
		t.Errorf("what is wrong with it is logged %d times, want twice:\n%s", n, log.String())
	}
	rewrite(t, path, secretB)
	m.secret.look()
	m.secret.look()
	if m.secret.keys.Load() == held || !strings.Contains(log.String(), "has changed") {
		t.Errorf("the new secret is not in force:\n%s", log.String())
	}
	ok(t, os.Remove(path))
	m.secret.look()
	if m.secret.keys.Load() == held || !strings.Contains(log.String(), "no such file") {
		t.Errorf("without the file:\n%s", log.String())
	}
	if strings.Contains(log.String(), secretB) {
		t.Error("the secret is logged")
	}
}
