package uploads

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/trials"
	"minilab/internal/trials/syscalls"
)

func TestMain(m *testing.M) {
	syscalls.Main()
	os.Exit(m.Run())
}

// disk looks at what the storage does to the files of uploads.
type disk struct {
	mu       sync.Mutex
	unsynced map[string]bool // what a power cut may undo
	failing  bool            // its fsyncs of what has changed fail
	failed   int
}

func (d *disk) follow(c syscalls.Call) syscalls.Verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !strings.HasPrefix(c.File, "uploads") && c.File != "." {
		return syscalls.Verdict{}
	}
	draft := strings.HasSuffix(c.File, ".tmp")
	switch {
	case c.Op == syscalls.Sync && d.failing && d.unsynced[c.File]:
		d.failed++
		return syscalls.Verdict{Errno: unix.EIO}
	case c.Op == syscalls.Sync:
		delete(d.unsynced, c.File)
	case c.Op == syscalls.Write, c.Op == syscalls.Truncate:
		d.unsynced[c.File] = true
	case draft:
	default:
		d.unsynced[filepath.Dir(c.File)] = true
	}
	return syscalls.Verdict{}
}

func (d *disk) fail(fails bool) (failed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing = fails
	return d.failed
}

// durable fails unless all that was done is on the disk.
func (d *disk) durable(t *testing.T, what string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.unsynced) > 0 {
		t.Errorf("%s is answered before %q were on the disk", what, slices.Sorted(maps.Keys(d.unsynced)))
	}
}

// watchedLab has its storage's calls followed by d.
func watchedLab(t *testing.T) (l *trials.Lab, d *disk) {
	t.Helper()
	l, err := trials.New(root, t.TempDir(), topology)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(l.Dir, "data")
	if err := os.Mkdir(data, 0o750); err != nil {
		t.Fatal(err)
	}
	w, err := syscalls.New(data)
	if err != nil {
		t.Fatal(err)
	}
	d = &disk{unsynced: map[string]bool{}}
	w.Decide(d.follow)
	l.Prepare = func(name string, cmd *exec.Cmd) {
		if name == "storage" {
			if err := w.Wrap(name, cmd); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(func() {
		logs := l.KillAll()
		w.Close()
		if t.Failed() {
			t.Log(logs[max(len(logs)-4000, 0):])
		}
	})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l, d
}

// TestWhatIsAcknowledgedIsSynced looks, at the moment of each answer, for what a
// power cut could take away.
func TestWhatIsAcknowledgedIsSynced(t *testing.T) {
	l, d := watchedLab(t)
	base := balancer(t, l)
	_, data := photo(t, 1<<20)
	url := create(t, base, len(data))
	d.durable(t, "a new upload")
	for offset := 0; offset < len(data); offset += 256 << 10 {
		if a, err := patch(t, url, offset, bytes.NewReader(data[offset:offset+256<<10])); err != nil || a.status != 204 {
			t.Fatalf("PATCH: %d %s, %v", a.status, a.body, err)
		}
		d.durable(t, "a PATCH")
	}
	for _, sum := range []string{"sha1 " + "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "sha1 oXyaqmHoChv3HQ2FCvTluqmAC70="} { // of "data"
		checked := create(t, base, 8)
		a := must(t, "PATCH", checked, strings.NewReader("data"), "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream", "Upload-Checksum", sum)
		t.Logf("with the checksum %s: %d", sum, a.status)
		if a.status == 204 {
			d.durable(t, "a PATCH with a checksum")
		}
		head(t, checked)
		d.durable(t, "a HEAD")
	}
	if a := must(t, "DELETE", url, nil); a.status != 204 {
		t.Fatalf("DELETE: %d %s", a.status, a.body)
	}
	d.durable(t, "a DELETE")
}

// TestDiskThatFails: what it did not take does not count, and comes again.
func TestDiskThatFails(t *testing.T) {
	l, d := watchedLab(t)
	base := balancer(t, l)
	_, data := photo(t, 1<<20)
	url := create(t, base, len(data))
	if a, err := patch(t, url, 0, bytes.NewReader(data[:300_000])); err != nil || a.status != 204 {
		t.Fatalf("PATCH: %d %s, %v", a.status, a.body, err)
	}
	d.fail(true)
	a, err := patch(t, url, 300_000, bytes.NewReader(data[300_000:]))
	if err != nil || a.status != 503 || !strings.Contains(a.body, "disk-failed") {
		t.Errorf("PATCH: %d %s, %v", a.status, a.body, err)
	}
	if d.fail(false) == 0 {
		t.Fatal("no fsync has failed")
	}
	if at := head(t, url).offset(); at != 300_000 {
		t.Errorf("the upload is at %d, want what was acknowledged", at)
	}
	if a, err := patch(t, url, 300_000, bytes.NewReader(data[300_000:])); err != nil || a.status != 204 {
		t.Fatalf("PATCH: %d %s, %v", a.status, a.body, err)
	}
	if !bytes.Equal(kept(l, url), data) {
		t.Error("other bytes are kept")
	}
}
