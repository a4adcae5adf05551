package batch

import (
	"crypto/rand"
	"os"
	"path/filepath"
)

// NewFile makes a file of a name of its own, which begins with prefix, for what
// is renamed once it is whole. Who may read it is for the umask to say, as of
// any file that a command makes; os.CreateTemp's are their owner's alone.
func NewFile(dir, prefix string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, prefix+rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
}
