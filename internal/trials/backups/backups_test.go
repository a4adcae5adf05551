// Package backups tries `minilab backup` and `minilab restore` on labs at work,
// and with the commands killed, or failed by the disk, at any of their calls.
package backups

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"minilab/internal/httpx"
	"minilab/internal/storage"
	"minilab/internal/storage/storagehttp"
	"minilab/internal/taskdb/taskdbhttp"
	"minilab/internal/trials"
	"minilab/internal/trials/syscalls"
)

const root = "../../.."

func TestMain(m *testing.M) {
	syscalls.Main()
	os.Exit(m.Run())
}

// stage is a lab and what tries it.
type stage struct {
	*testing.T
	lab *trials.Lab
}

func start(t *testing.T, dir string, topology trials.Topology, flags ...string) *stage {
	t.Helper()
	l, err := trials.New(root, dir, topology, append([]string{"--workers=1"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if logs := l.KillAll(); t.Failed() {
			t.Log(logs)
		}
	})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &stage{t, l}
}

func (s *stage) stop() {
	s.Helper()
	if err := s.lab.Stop(); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) customer() trials.Customer {
	return trials.Customer{Base: s.lab.URL("frontend"), HTTP: http.DefaultClient}
}

func (s *stage) tasks() *taskdbhttp.Client {
	return taskdbhttp.NewClient(httpx.NewClient(s.lab.URL("taskdb"), http.DefaultTransport))
}

func (s *stage) images() *storagehttp.Client {
	return storagehttp.NewClient(httpx.NewClient(s.lab.URL("storage"), http.DefaultTransport))
}

// remove deletes a task as the lab does: first its row, then its bytes.
func (s *stage) remove(ctx context.Context, id string) error {
	t, err := s.tasks().Get(ctx, id)
	if err != nil {
		return err
	}
	if _, err := s.tasks().Delete(ctx, id); err != nil {
		return err
	}
	errs := []error{s.images().Delete(ctx, storage.InProgress, t.Source.Key)}
	for _, o := range t.Outputs {
		if o.Key != "" {
			errs = append(errs, s.images().Delete(ctx, storage.Finished, o.Key))
		}
	}
	return errors.Join(errs...)
}

// exact fetches a task's result and compares it with what was handed in.
func (s *stage) exact(ctx context.Context, id string, before []byte) error {
	status, err := s.customer().Await(ctx, id)
	if err != nil || status.Status != "finished" {
		return fmt.Errorf("%s is %q (%s): %w", id, status.Status, status.Error.Detail, err)
	}
	after, err := s.customer().Result(ctx, id)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if err := trials.Swapped(before, after, 0); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return nil
}

// command is `minilab NAME DIR` on the data in a folder.
func command(t *testing.T, name, dir, data string) *exec.Cmd {
	t.Helper()
	bin, err := filepath.Abs(filepath.Join(root, "bin", "minilab"))
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(bin, name, dir, "--data", data, "--min-free", "1MiB")
}

// minilab runs a command that must succeed, and gives what it says.
func minilab(t *testing.T, name, dir, data string) string {
	t.Helper()
	cmd := command(t, name, dir, data)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, stderr.String())
	}
	return string(out)
}
