package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"minilab/internal/config"
	"minilab/internal/fault"
)

// embedded refuses engines whose data is not in a folder.
func embedded(cfg config.Config, done string) error {
	for _, e := range []struct{ service, engine, want string }{
		{"kv", cfg.KVEngine, "sqlite"}, {"storage", cfg.StorageEngine, "file"}, {"taskdb", cfg.TaskdbEngine, "sqlite"},
	} {
		if e.engine != e.want {
			return fault.ErrInvalid.Detailf("only the embedded engines can be %s: the data of %s is not in --data but in an engine with means of its own (--%s-engine)",
				done, e.service, e.service)
		}
	}
	return nil
}

// apart refuses folders of which one lies in the other.
func apart(data, dir string) error {
	if dir == "" {
		return fault.ErrInvalid.Detailf("DIR is empty: say which folder the backup is in")
	}
	a, err := resolved(data)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", data, err)
	}
	b, err := resolved(dir)
	if err != nil {
		return fmt.Errorf("backup folder %s: %w", dir, err)
	}
	if within(a, b) || within(b, a) {
		return fault.ErrInvalid.Detailf("the backup %s and the data folder %s must not lie in one another", dir, data)
	}
	return nil
}

func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// errNowhere is of a link to what is not there: nothing can be made at it.
var errNowhere = errors.New("it is, or is below, a link that leads nowhere")

// resolved is the path without links, as far as it exists.
func resolved(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, os.ErrNotExist) && abs != filepath.Dir(abs) {
		if _, err := os.Lstat(abs); err == nil {
			return "", errNowhere
		}
		parent, err := resolved(filepath.Dir(abs))
		return filepath.Join(parent, filepath.Base(abs)), err
	}
	return real, err
}
