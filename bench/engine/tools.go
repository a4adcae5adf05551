package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tools are the distribution's vips commands, one process for an image.
type tools struct {
	dir  string // of results
	most int64  // memory
}

// findTools installs the commands where they are missing; the error says why
// there are none.
func findTools(ctx context.Context) (*tools, error) {
	var reason strings.Builder
	cmd := exec.CommandContext(ctx, "scripts/vips-tools")
	cmd.Stderr = &reason
	if err := cmd.Run(); err != nil {
		return nil, errors.New(strings.TrimSpace(reason.String()))
	}
	return &tools{}, nil
}

// command is what the row's words are with the photograph's values in place.
func (t *tools) command(ctx context.Context, r row, p photo) (*exec.Cmd, string, error) {
	result := filepath.Join(t.dir, "result."+r.extension)
	matrix := filepath.Join(t.dir, "swap.csv")
	values := strings.NewReplacer("IN", p.path, "OUT", result, "MATRIX", matrix, "QUALITY", strconv.Itoa(p.quality))
	words := strings.Fields(r.command)
	for i := range words {
		words[i] = values.Replace(words[i])
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(os.Environ(), "VIPS_CONCURRENCY=1")
	return cmd, result, os.WriteFile(matrix, []byte("0,0,1\n0,1,0\n1,0,0\n"), 0o600)
}

// develop implements subject.
func (t *tools) develop(ctx context.Context, r row, p photo) (cost, error) {
	cmd, result, err := t.command(ctx, r, p)
	if err != nil {
		return cost{}, err
	}
	start := time.Now()
	text, err := cmd.CombinedOutput()
	wall := time.Since(start)
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w\n%s", cmd, err, text)
	}
	info, err := os.Stat(result)
	if err != nil {
		return cost{}, err
	}
	used := cmd.ProcessState
	if usage, ok := used.SysUsage().(*syscall.Rusage); ok {
		t.most = max(t.most, usage.Maxrss<<10)
	}
	return cost{cpu: used.UserTime() + used.SystemTime(), wall: wall, size: info.Size()}, nil
}

func (t *tools) peak() (int64, error) { return t.most, nil }

func (t *tools) close() {}
