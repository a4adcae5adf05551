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
	"slices"
	"strings"
)

// bareLoop is a process that does with a photograph what the engine does, and
// nothing else. It alters one after the other.
type bareLoop struct {
	process

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// The bare programs, each of a source of its name, loop.c, and others.
const (
	bareVips  = "vips"  // the engine's library
	bareTurbo = "turbo" // the libjpeg-turbo that the engine writes with
	bareLane  = "lane"  // the coefficient lane
)

// compile makes the bare programs, against the engine's libraries.
func compile(ctx context.Context, o options) error {
	vips, jpeg, err := libraries(ctx, o.library)
	if err != nil {
		return err
	}
	lane, err := filepath.Glob("internal/coeff/*.c")
	if err != nil {
		return err
	}
	for program, more := range map[string][]string{
		bareVips:  append([]string{"-Iinternal/vips", "internal/vips/swap.c", "internal/vips/hold.c"}, vips...),
		bareTurbo: jpeg,
		bareLane:  slices.Concat([]string{"-Iinternal/coeff", "-Wno-psabi"}, lane, jpeg),
	} {
		const folder = "bench/engine/bare/"
		args := append([]string{"-O2", "-o", filepath.Join(o.dir, program), folder + program + ".c", folder + "loop.c"}, more...)
		if text, err := exec.CommandContext(ctx, "gcc", append(args, "-lm")...).CombinedOutput(); err != nil {
			return fmt.Errorf("compile bare %s: %w\n%s", program, err, text)
		}
	}
	return nil
}

// libraries are what the compiler must be told of libvips and of libjpeg-turbo.
func libraries(ctx context.Context, which string) (vips, jpeg []string, err error) {
	switch which {
	case "npm":
		root, err := filepath.Abs(".deps/libvips")
		vips = []string{
			"-I" + root + "/include", "-I" + root + "/include/glib-2.0", "-I" + root + "/lib/glib-2.0/include",
			"-L" + root + "/lib", "-lvips-cpp", "-Wl,-rpath," + root + "/lib",
		}
		return vips, []string{"-I" + root + "/libjpeg", root + "/libjpeg/libjpeg.a"}, err
	case "system":
		if vips, err = packageFlags(ctx, "vips"); err != nil {
			return nil, nil, err
		}
		jpeg, err = packageFlags(ctx, "libjpeg")
		return vips, jpeg, err
	}
	return nil, nil, fmt.Errorf("-libvips is npm or system, not %q", which)
}

func packageFlags(ctx context.Context, name string) ([]string, error) {
	flags, err := exec.CommandContext(ctx, "pkg-config", "--cflags", "--libs", name).Output()
	if err != nil {
		return nil, fmt.Errorf("pkg-config %s: %w", name, err)
	}
	return strings.Fields(string(flags)), nil
}

func startBare(ctx context.Context, dir, program string) (*bareLoop, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(dir, program))
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
