package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"minilab/internal/auth"
	"minilab/internal/trials"
)

// TestKeysPage runs the commands of docs/keys.md, and holds what it says of a
// key's form against the code.
func TestKeysPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Dir(built(t, "minilab")), filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "photo.jpg"), jpegBytes(t, trials.Picture(64, 48)), 0o600); err != nil {
		t.Fatal(err)
	}
	wait := "\nuntil curl --silent --fail http://127.0.0.1:8080/readyz; do :; done\n"
	refused := "\ncurl --silent http://127.0.0.1:8080/api/v1/tasks\necho KEY=$KEY\n"
	script := "set -eu\ntrap 'kill $(jobs -p); wait' EXIT\nbin/minilab up &" + wait + shellBlock(t, string(text), "keys") + refused
	out := runShell(t, dir, freePorts(t, script))
	_, key, _ := strings.Cut(out, "KEY=")
	key, _, _ = strings.Cut(key, "\n") // the lab behind it writes, too
	if !strings.Contains(out, `{"id":"`) || !strings.Contains(out, `"code":"unauthorized"`) || !auth.IsKey(key) {
		t.Errorf("the shell says:\n%s", out)
	}
	pattern := regexp.MustCompile("`(ml_\\[.*?)`").FindStringSubmatch(string(text))
	if pattern == nil || !regexp.MustCompile("^"+pattern[1]+"$").MatchString(strings.TrimSpace(key)) {
		t.Errorf("the page says that a key is %q, and made is %q", pattern, key)
	}
}
