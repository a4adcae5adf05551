//go:build !system

package fuzz

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var (
	minutes = flag.Int("minutes", 0, "how long to fuzz, on all cores; 0: runs inputs on one core")
	runs    = flag.Int("runs", 20000, "how many inputs are tried")
	seed    = flag.Uint("seed", 1, "of the mutations; 0: a random one")
)

const sources = ".."

// compile makes a program of C files with Debian's clang and the static libjpeg
// that the lane is linked with.
func compile(t *testing.T, out string, args ...string) {
	t.Helper()
	libjpeg := filepath.Join("../../../.deps/libvips/libjpeg")
	args = append([]string{"-g", "-O3", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-I" + libjpeg, "-o", out}, args...)
	args = append(args, filepath.Join(libjpeg, "libjpeg.a"), "-lm")
	if log, err := exec.CommandContext(t.Context(), "clang-14", args...).CombinedOutput(); err != nil {
		t.Fatalf("clang-14: %v (is it there? `make test-deps`)\n%s", err, log)
	}
}

// target is the fuzz target, in which all that a sanitizer finds is fatal.
func target(t *testing.T) string {
	t.Helper()
	lane, err := filepath.Glob(filepath.Join(sources, "*.c"))
	if err != nil || len(lane) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	out := filepath.Join(t.TempDir(), "lane")
	compile(t, out, append(lane, "-fno-omit-frame-pointer", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all",
		"harness/lane.c", "harness/order.c", "harness/reference.c")...)
	return out
}

func seeder(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "seeds")
	compile(t, out, "harness/seeds.c")
	return out
}

// run runs the target, and keeps the input that breaks it.
func run(ctx context.Context, t *testing.T, program string, args ...string) string {
	t.Helper()
	found := filepath.Join("testdata", "found") + string(filepath.Separator)
	if err := os.MkdirAll(found, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"-artifact_prefix=" + found, "-timeout=20", "-rss_limit_mb=2048"}, args...)...)
	cmd.Env = append(os.Environ(), "ASAN_OPTIONS=quarantine_size_mb=16:detect_leaks=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		keep(t, string(out), found)
		t.Fatalf("%v; the input is in internal/coeff/fuzz/%s, and is tried first from now on\n%s", err, found, tail(out, 12000))
	}
	return string(out)
}

// keep keeps the last seed that was tried as it is, which libFuzzer does not.
func keep(t *testing.T, log, dir string) {
	t.Helper()
	_, last, ok := strings.Cut(log[max(0, strings.LastIndex(log, "Running: ")):], "Running: ")
	if path, _, _ := strings.Cut(last, "\n"); ok {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// summary is what libFuzzer says of its work in the end.
func summary(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "cov: ") {
			lines = []string{line}
		} else if strings.HasPrefix(line, "stat::") || strings.HasPrefix(line, "Done ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// TestLane tries each seed as it is, those that are too large to be mutated and
// what has been found before among them, and then mutations of the seeds: a number
// of runs that always begins with the same ones, or minutes on all cores.
func TestLane(t *testing.T) {
	program, images := target(t), seeder(t)
	mutable := encoded(t, images, small)
	mutable = append(mutable, others(t, mutable)...)
	t.Run("Seeds", func(t *testing.T) {
		dir := t.TempDir()
		inputs := append(write(t, dir, encoded(t, images, large), 1), write(t, dir, mutable, 8)...)
		found, err := filepath.Glob("testdata/found/*")
		if err != nil {
			t.Fatal(err)
		}
		log := run(t.Context(), t, program, append(inputs, found...)...)
		if n := strings.Count(log, "Executed "); n != len(inputs)+len(found) {
			t.Errorf("%d of %d inputs were tried", n, len(inputs)+len(found))
		}
	})
	t.Run("Mutations", func(t *testing.T) {
		seeds, corpus := t.TempDir(), t.TempDir()
		write(t, seeds, mutable, 1)
		t.Logf("seed %d", *seed)
		t.Log(summary(run(t.Context(), t, program, append(extent(), corpus, seeds)...)))
	})
}

// extent is how much is tried.
func extent() []string {
	args := []string{fmt.Sprintf("-seed=%d", *seed), "-print_final_stats=1", "-max_len=16384"}
	if *minutes == 0 {
		return append(args, fmt.Sprintf("-runs=%d", *runs))
	}
	d := time.Duration(*minutes) * time.Minute
	return append(args, fmt.Sprintf("-max_total_time=%d", int(d.Seconds())), fmt.Sprintf("-fork=%d", runtime.NumCPU()))
}
