package app

import (
	"bytes"
	"path/filepath"
	"testing"
)

// at is an output that waits when a line comes that begins with text.
type at struct {
	text        string
	there, goOn chan struct{}
}

func waitsAt(text string) *at { return &at{text, make(chan struct{}), make(chan struct{})} }

// Write implements io.Writer.
func (a *at) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte(a.text)) {
		close(a.there)
		<-a.goOn
	}
	return len(p), nil
}

// TestTwoRestores into one folder: the second is refused, or else the first
// would call the second's half a whole.
func TestTwoRestores(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	d.submit("a")
	_, err := back(t, d, dir)
	d.ok(err)
	data := filepath.Join(t.TempDir(), "new")
	first, second := waitsAt("tasks: "), waitsAt("images: ")
	ends := make(chan error, 1)
	go func() {
		ends <- Restore(t.Context(), cfgFor(data), dir, false, BackupOptions{Out: first})
	}()
	<-first.there
	other := make(chan error, 1)
	go func() { other <- Restore(t.Context(), cfgFor(data), dir, false, BackupOptions{Out: second}) }()
	select {
	case <-second.there:
		close(first.goOn)
		t.Errorf("the first ends with %v; marked as unfinished: %v; it has a task database: %v",
			<-ends, restored(data) != nil, isFile(filepath.Join(data, taskdbFile)))
		close(second.goOn)
		<-other
	case err := <-other:
		if err == nil {
			t.Error("both succeed")
		}
		close(first.goOn)
		d.ok(<-ends)
	}
}
