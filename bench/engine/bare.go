package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// bareLoop is a process that does with a photograph what the engine does, and
// nothing else.
type bareLoop struct {
	process

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// compile makes the bare loop's program, against the engine's library.
func compile(ctx context.Context, o options) error {
	args := []string{"-O2", "-o", filepath.Join(o.dir, "bare"), "-Iinternal/vips", "bench/engine/bare/bare.c", "internal/vips/swap.c", "internal/vips/hold.c", "-lm"}
	switch o.library {
	case "npm":
		root, err := filepath.Abs(".deps/libvips")
		if err != nil {
			return err
		}
		args = append(args, "-I"+root+"/include", "-I"+root+"/include/glib-2.0", "-I"+root+"/lib/glib-2.0/include",
			"-L"+root+"/lib", "-lvips-cpp", "-Wl,-rpath,"+root+"/lib")
	case "system":
		flags, err := exec.CommandContext(ctx, "pkg-config", "--cflags", "--libs", "vips").Output()
		if err != nil {
			return fmt.Errorf("pkg-config: %w", err)
		}
		args = append(args, strings.Fields(string(flags))...)
	default:
		return fmt.Errorf("-libvips is npm or system, not %q", o.library)
	}
	if text, err := exec.CommandContext(ctx, "gcc", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("compile the bare loop: %w\n%s", err, text)
	}
	return nil
}

func startBare(ctx context.Context, dir string) (*bareLoop, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "bare"))
	cmd.Env = append(os.Environ(), "MALLOC_ARENA_MAX=1") // as the engine has it
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &bareLoop{process(cmd.Process.Pid), cmd, in, bufio.NewReader(out)}, nil
}

// develop implements subject.
func (b *bareLoop) develop(_ context.Context, r row, p photo) (cost, error) {
	quality := r.quality
	if quality == 0 {
		quality = p.quality
	}
	return timed(b.process, func() (size int64, err error) {
		if _, err := fmt.Fprintf(b.in, "%s %d %s\n", r.bare, quality, p.path); err != nil {
			return 0, err
		}
		line, err := b.out.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if _, err := fmt.Sscanf(line, "ok %d", &size); err != nil {
			return 0, errors.New("bare loop: " + strings.TrimSpace(line))
		}
		return size, nil
	})
}

func (b *bareLoop) close() {
	b.in.Close()
	_ = b.cmd.Wait() // it ends with its input
}
