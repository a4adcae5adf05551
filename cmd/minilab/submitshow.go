package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"minilab/client"
	"minilab/internal/batch"
)

// show tells people, or programs, how far a batch is.
type show struct {
	job      batch.Job
	json     bool
	single   bool // one image, whose task is all that is printed
	out, err io.Writer

	bars           *mpb.Progress // nil without a terminal
	bar            *mpb.Bar
	total          int64
	failed, before atomic.Int64 // the bar reads them
}

func newShow(c *cobra.Command, j batch.Job) *show {
	s := &show{job: j, json: asJSON(c), single: len(j.Inputs) == 1, out: c.OutOrStdout(), err: c.ErrOrStderr()}
	if info, err := os.Stat(j.Inputs[0]); s.single && err == nil && info.IsDir() {
		s.single = false
	}
	if isTerminal(s.err) {
		s.bars = mpb.New(mpb.WithOutput(s.err), mpb.WithWidth(60))
		s.bar = s.bars.AddBar(0,
			mpb.PrependDecorators(decor.CountersNoUnit("%d of %d images"), decor.Any(s.counts)),
			mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO), decor.AverageETA(decor.ET_STYLE_GO, decor.WC{W: 8})))
	}
	return s
}

// isTerminal says whether people see what is written as it is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && info.Name() != filepath.Base(os.DevNull)
}

// counts is what the bar says beside the number of images.
func (s *show) counts(decor.Statistics) string {
	var text strings.Builder
	if n := s.before.Load(); n > 0 {
		fmt.Fprintf(&text, ", %d there already", n)
	}
	if n := s.failed.Load(); n > 0 {
		fmt.Fprintf(&text, ", %d failed", n)
	}
	return text.String() + " "
}

// note is told of each image by the batch, one at a time.
func (s *show) note(n batch.Note) {
	switch n.Kind {
	case batch.Found:
		s.total++
		if s.bar != nil {
			s.bar.SetTotal(s.total, false)
		}
		return
	case batch.Present:
		s.before.Add(1)
	case batch.Failed:
		s.failed.Add(1)
	}
	s.line(n)
	if s.bar != nil && n.Kind != batch.Passed {
		s.bar.Increment()
	}
}

// errors is where lines about what went wrong go: above the bar.
func (s *show) errors() io.Writer {
	if s.bars != nil {
		return s.bars
	}
	return s.err
}

// line writes what has become of an image.
func (s *show) line(n batch.Note) {
	out, errs := s.out, s.errors()
	if s.bars != nil && isTerminal(out) {
		out = s.bars
	}
	name := shown(n.Name)
	switch {
	case s.json:
		_ = printLine(out, lineOf(s.job, n)) // as where people read: nobody is left to tell
	case n.Kind == batch.Failed:
		fmt.Fprintf(errs, "%s: %v\n", name, n.Err)
	case n.Kind == batch.Passed:
		fmt.Fprintf(errs, "%s: left out: %v\n", name, n.Err)
	case s.job.Out != "" && out == s.bars: // who looks at the bar has seen it
	case s.job.Out != "":
		fmt.Fprintf(out, "%s\t%s\n", name, shown(strings.Join(stored(s.job, n), " ")))
	case s.single:
		fmt.Fprintln(out, n.Task)
	default:
		fmt.Fprintf(out, "%s\t%s\n", n.Task, name)
	}
}

// end writes the last lines.
func (s *show) end(sum batch.Summary, err error) {
	if s.bars != nil {
		s.bar.Abort(false) // it stays where it is
		s.bars.Wait()
	}
	if s.job.Out == "" || s.json || sum.Images == 0 && err != nil {
		return
	}
	fmt.Fprintf(s.err, "%s: %d done, %d there already, %d failed\n", counted(sum.Images, "image"), sum.Finished, sum.Present, sum.Failed)
}

// counted is how many there are of something.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func stored(j batch.Job, n batch.Note) []string {
	var paths []string
	for _, f := range n.Files {
		paths = append(paths, filepath.Join(j.Out, filepath.FromSlash(f)))
	}
	return paths
}

// imageLine is an image where programs read.
type imageLine struct {
	Name  string          `json:"name"`
	State batch.Kind      `json:"state"`
	Task  string          `json:"task,omitempty"`
	Files []string        `json:"files,omitempty"`
	Error *client.Failure `json:"error,omitempty"`
}

func lineOf(j batch.Job, n batch.Note) imageLine {
	l := imageLine{Name: n.Name, State: n.Kind, Task: n.Task, Files: stored(j, n), Error: n.Failure}
	if n.Err != nil && l.Error == nil {
		l.Error = &client.Failure{Code: client.CodeOf(n.Err), Detail: n.Err.Error()}
		if e := (*client.Error)(nil); errors.As(n.Err, &e) && e.Detail != "" {
			l.Error.Detail = e.Detail
		}
	}
	return l
}
