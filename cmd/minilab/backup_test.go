package main

import (
	"os"
	"path/filepath"
	"testing"

	"minilab/internal/trials"
)

// TestBackupDocs runs the commands of docs/operating.md in a shell: a lab, its
// backup, and a lab on that.
func TestBackupDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, photo := t.TempDir(), jpegBytes(t, trials.Picture(320, 240))
	if err := os.Symlink(filepath.Dir(built(t, "minilab")), filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "photo.jpg"), photo, 0o600); err != nil {
		t.Fatal(err)
	}
	const ready = "\nuntil curl --silent --fail http://127.0.0.1:8080/readyz; do :; done\n"
	runShell(t, dir, freePorts(t, "set -eu\ntrap 'kill $(jobs -p); wait' EXIT\nbin/minilab up &"+ready+`
		id=$(curl --silent --data-binary @photo.jpg http://127.0.0.1:8080/newImage | cut -d '"' -f 4)
		until curl --silent "http://127.0.0.1:8080/image/isReady?id=$id&wait=5s" | grep finished; do :; done
		`+shellBlock(t, string(page), "backup")+`
		kill %1; wait %1
		`+shellBlock(t, string(page), "restore")+ready+`
		curl --silent --fail "http://127.0.0.1:8080/image/get?id=$id" > swapped.jpg`))
	swapped, err := os.ReadFile(filepath.Join(dir, "swapped.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	if err := trials.Swapped(photo, swapped, 2); err != nil {
		t.Error(err)
	}
}
