package filestorage

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// identityName is the extended attribute of the folder inProgress that says
// which store it is of.
const identityName = "user.minilab.store"

// identity reads the attribute, or makes it for good.
func identity(dir *os.File) (string, error) {
	var text [64]byte
	n, err := unix.Fgetxattr(int(dir.Fd()), identityName, text[:])
	if err == nil {
		return string(text[:n]), nil
	}
	id := rand.Text()
	if errors.Is(err, unix.ENODATA) {
		err = unix.Fsetxattr(int(dir.Fd()), identityName, []byte(id), 0)
	}
	if err == nil {
		err = dir.Sync()
	}
	if err != nil {
		return "", fmt.Errorf("storage: the identity of %s: %w", dir.Name(), diskFault(err))
	}
	return id, nil
}
