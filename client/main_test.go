package client_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"minilab/internal/trials"
)

// root is the project's folder, which is not above where the tests run.
var root string

// TestMain starts a lab for the examples, in a folder that has a photo.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if root, err = filepath.Abs(".."); err != nil {
		return failed(err)
	}
	dir, err := os.MkdirTemp("", "client")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	l, err := trials.New(root, dir, trials.OneProcess)
	if err != nil {
		return failed(err)
	}
	defer l.KillAll()
	if err := l.Start(context.Background()); err != nil {
		return failed(err)
	}
	if err := os.WriteFile(dir+"/photo.jpg", trials.JPEG(600, 400, 1), 0o600); err != nil {
		return failed(err)
	}
	if err := os.Chdir(dir); err != nil {
		return failed(err)
	}
	os.Setenv("MINILAB_SERVER", l.URL("frontend"))
	return m.Run()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
