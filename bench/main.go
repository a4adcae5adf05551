// Command bench measures whole labs from outside, on this machine, and prints
// one table: the overhead of a task (a tiny image), photographs end to end
// beside the same images through the engine processes alone, one of them from
// its POST to its result, the time until work begins, and what the services take
// of memory and processor.
//
//	go run ./bench [-photos DIR] [-tasks N] [-customers N] [-only PARTS]
//
// It starts bin/minilab itself, on a temporary folder of the current directory's
// file system.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strings"
	"time"

	"minilab/internal/trials"
)

type options struct {
	photos    string
	tasks     int
	customers int
	only      *regexp.Regexp
	dir       string // of all the data
}

func main() {
	var o options
	flag.StringVar(&o.photos, "photos", "", "folder with JPEGs; default: one of 12 megapixels that is made here")
	flag.IntVar(&o.tasks, "tasks", 3000, "tiny tasks")
	flag.IntVar(&o.customers, "customers", 32, "customers at a time")
	only := flag.String("only", "", "measure only parts that match this regular expression: disk, tiny, dispatch, photographs, posted, footprint")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if o.only, err = regexp.Compile(*only); err == nil {
		err = run(ctx, o, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run does the parts one after the other: what one leaves running would be
// measured in the next. Data are removed at the very end, because ext4 makes new
// files slowly for minutes after many were removed.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.dir, err = os.MkdirTemp(".", "bench-data-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	t := &table{out: out}
	t.head()
	for _, part := range []struct {
		name    string
		measure func(context.Context, options, *table) error
	}{
		{"disk", disk}, {"tiny", tiny}, {"dispatch", dispatch}, {"photographs", photographs}, {"posted", posted}, {"footprint", footprint},
	} {
		if !o.only.MatchString(part.name) {
			continue
		}
		if err := part.measure(ctx, o, t); err != nil {
			return err
		}
	}
	return nil
}

// table prints rows as they come.
type table struct{ out io.Writer }

func (t *table) head() {
	fmt.Fprintf(t.out, "%s, %d cores, %s\n\n| what | figure | p50 ms | p99 ms |\n| --- | --- | --- | --- |\n",
		model(), runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
}

func (t *table) row(what, figure string, times ...time.Duration) {
	p50, p99 := "", ""
	if len(times) > 0 {
		p50, p99 = milliseconds(times, 0.5), milliseconds(times, 0.99)
	}
	fmt.Fprintf(t.out, "| %s | %s | %s | %s |\n", what, figure, p50, p99)
}

// model is the processor's name.
func model() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // without it the name is not known
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// withLab runs f on a lab of its own.
func withLab(ctx context.Context, o options, topology trials.Topology, f func(*trials.Lab) error) error {
	dir, err := os.MkdirTemp(o.dir, "lab-")
	if err != nil {
		return err
	}
	lab, err := trials.New(".", dir, topology)
	if err != nil {
		return err
	}
	defer lab.KillAll()
	if err := lab.Start(ctx); err != nil {
		return err
	}
	if err := f(lab); err != nil {
		return err
	}
	return lab.Stop()
}
