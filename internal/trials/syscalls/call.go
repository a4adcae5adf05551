package syscalls

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxPath is how long a path may be, in bytes.
const maxPath = 4096

// Call is a call that a process is about to make.
type Call struct {
	Process string // the name that it was wrapped under
	Op      Op
	File    string // relative to the watched folder; of a rename or link the new name
}

// String implements fmt.Stringer.
func (c Call) String() string { return fmt.Sprintf("%s: %s %s", c.Process, c.Op, c.File) }

// callOf is not ok for a call that is about a file elsewhere, or about none, or
// that makes what there is.
func (w *Watch) callOf(process string, n notification) (c Call, ok bool) {
	what := lookup(int(n.number))
	file, err := what.file(n)
	if err != nil {
		return c, false // a socket's write, or the thread is gone
	}
	rel, err := filepath.Rel(w.dir, file)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return c, false
	}
	if _, err := os.Lstat(file); err == nil && (what.op == Create || what.op == Mkdir) {
		return c, false
	}
	return Call{Process: process, Op: what.op, File: rel}, true
}

// file is the path of what the call is about.
func (c watched) file(n notification) (string, error) {
	proc := fmt.Sprintf("/proc/%d", n.tid)
	if c.path == noPath {
		return os.Readlink(fmt.Sprintf("%s/fd/%d", proc, int32(n.arguments[0])))
	}
	path, err := readString(proc+"/mem", int64(n.arguments[c.path]))
	if err != nil || filepath.IsAbs(path) {
		return path, err
	}
	dir := proc + "/cwd"
	if c.at && int32(n.arguments[c.path-1]) >= 0 {
		dir = fmt.Sprintf("%s/fd/%d", proc, int32(n.arguments[c.path-1]))
	}
	base, err := os.Readlink(dir)
	return filepath.Join(base, path), err
}

// readString reads a C string out of a process's memory. It may end where the
// memory does.
func readString(memory string, at int64) (string, error) {
	f, err := os.Open(memory)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, maxPath)
	n, err := f.ReadAt(buf, at)
	if end := bytes.IndexByte(buf[:n], 0); end >= 0 {
		return string(buf[:end]), nil
	}
	return "", fmt.Errorf("no string at %#x: %w", at, err)
}
