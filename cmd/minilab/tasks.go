package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"minilab/client"
	"minilab/internal/batch"
)

func status() *cobra.Command {
	c := &cobra.Command{
		Use:   "status ID…",
		Short: "Tell how far tasks are",
		Long: `Tell how far tasks are. With --wait the exit status is 3 when one of them has failed or
was canceled.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeTasks,
	}
	wait := c.Flags().Bool("wait", false, "wait until they have ended")
	c.RunE = func(c *cobra.Command, ids []string) error {
		if !*wait {
			return eachTask(c, ids, func(lab *client.Client, id string) (client.Task, error) { return lab.Task(c.Context(), id) })
		}
		last := map[string]client.State{}
		err := eachTask(c, ids, func(lab *client.Client, id string) (client.Task, error) {
			t, err := lab.Wait(c.Context(), id)
			last[id] = t.State
			return t, err
		})
		return cmp.Or(err, endedBadly(ids, last))
	}
	return calls(c)
}

func cancel() *cobra.Command {
	return calls(&cobra.Command{
		Use:               "cancel ID…",
		Short:             "End tasks that wait or are at work",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeTasks,
		RunE: func(c *cobra.Command, ids []string) error {
			return eachTask(c, ids, func(lab *client.Client, id string) (client.Task, error) { return lab.Cancel(c.Context(), id) })
		},
	})
}

func retry() *cobra.Command {
	return calls(&cobra.Command{
		Use:               "retry ID…",
		Short:             "Begin tasks again that have failed or were canceled",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeTasks,
		RunE: func(c *cobra.Command, ids []string) error {
			return eachTask(c, ids, func(lab *client.Client, id string) (client.Task, error) { return lab.Retry(c.Context(), id) })
		},
	})
}

// eachTask prints what do gives for each task. One that fails does not keep the
// others from it.
func eachTask(c *cobra.Command, ids []string, do func(*client.Client, string) (client.Task, error)) error {
	lab, err := labFor(c)
	if err != nil {
		return err
	}
	p := newTaskPrinter(c)
	return each(c, ids, func(id string) error {
		t, err := do(lab, id)
		if err != nil {
			return err
		}
		return p.print(t)
	}, p.flush)
}

// each does something for all IDs, and ends with what has failed.
func each(c *cobra.Command, ids []string, do func(string) error, end func() error) error {
	failed := 0
	for _, id := range ids {
		err := do(id)
		if e := (*client.Error)(nil); err != nil && !errors.As(err, &e) {
			return err // of this side, or nobody is there
		}
		if err != nil && len(ids) == 1 {
			return err
		}
		if err != nil {
			failed++
			fmt.Fprintf(c.ErrOrStderr(), "%s: %v\n", shown(id), err)
		}
	}
	if err := end(); err != nil {
		return err
	}
	if failed > 0 {
		return &codedError{exitSome, fmt.Errorf("%d of %d failed", failed, len(ids))}
	}
	return nil
}

// taskPrinter writes tasks, each on a line.
type taskPrinter struct {
	json bool
	out  io.Writer
	tab  *tabwriter.Writer
}

func newTaskPrinter(c *cobra.Command) *taskPrinter {
	out := c.OutOrStdout()
	return &taskPrinter{asJSON(c), out, tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
}

func (p *taskPrinter) print(t client.Task) error {
	if p.json {
		return printLine(p.out, t)
	}
	_, err := fmt.Fprintf(p.tab, "%s\t%s\t%s\n", t.ID, t.State, taskText(t))
	return err
}

func (p *taskPrinter) flush() error { return p.tab.Flush() }

// taskText is what there is to say of a task besides its state.
func taskText(t client.Task) string {
	switch {
	case t.Error != nil:
		return shown(t.Error.String())
	case t.State == client.InProgress:
		return fmt.Sprintf("%.0f%% %s", 100*t.Progress, t.Stage)
	case t.Place != nil:
		return fmt.Sprintf("%d before it, about %.0f s", t.Place.Ahead, t.Place.Seconds)
	case t.Preset != "":
		return "preset " + shown(t.Preset)
	}
	return shown(t.Pipeline)
}

func list() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List tasks, the newest first",
		Args:  cobra.NoArgs,
	}
	var f client.Filter
	state := c.Flags().String("state", "", "only those that are not-started, in-progress, finished, failed or canceled")
	c.Flags().StringVar(&f.Tag, "tag", "", "only those with this tag")
	c.Flags().BoolVar(&f.Oldest, "oldest", false, "the oldest first")
	limit := c.Flags().Int("limit", 50, "how many at most; 0: all")
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]cobra.Completion{
		string(client.NotStarted), string(client.InProgress), string(client.Finished), string(client.Failed), string(client.Canceled),
	}, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, _ []string) error {
		lab, err := labFor(c)
		if err != nil {
			return err
		}
		f.State = client.State(*state)
		p, n := newTaskPrinter(c), 0
		for t, err := range lab.Tasks(c.Context(), f) {
			if err != nil {
				return err
			}
			if err := p.print(t); err != nil {
				return err
			}
			if n++; n == *limit {
				break
			}
		}
		return p.flush()
	}
	return calls(c)
}

func remove() *cobra.Command {
	c := &cobra.Command{
		Use:               "rm ID… | --tag TAG",
		Short:             "Delete tasks, with their images",
		ValidArgsFunction: completeTasks,
	}
	tag := c.Flags().String("tag", "", "all that have this tag")
	c.RunE = func(c *cobra.Command, ids []string) error {
		if (len(ids) == 0) == (*tag == "") {
			return usage(errors.New("rm takes either IDs or --tag"))
		}
		lab, err := labFor(c)
		if err != nil {
			return err
		}
		if *tag != "" {
			return removeTag(c, lab, *tag)
		}
		return each(c, ids, func(id string) error { return lab.Delete(c.Context(), id) }, func() error { return nil })
	}
	return calls(c)
}

func removeTag(c *cobra.Command, lab *client.Client, tag string) error {
	n, err := lab.DeleteTag(c.Context(), tag)
	switch {
	case err != nil:
		return err
	case asJSON(c):
		return printLine(c.OutOrStdout(), map[string]int{"deleted": n})
	}
	fmt.Fprintf(c.OutOrStdout(), "%d deleted\n", n)
	return nil
}

func get() *cobra.Command {
	c := &cobra.Command{
		Use:   "get ID",
		Short: "Fetch what a task has made, or what it was made of",
		Long: `Fetch what a task has made, or what it was made of, into a file. Without -o it is
written to standard output. A file is there whole or not at all.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeTasks,
	}
	out := c.Flags().StringP("out", "o", "-", "file, - for standard output")
	output := c.Flags().String("output", "", "which of several outputs; default: the first")
	original := c.Flags().Bool("original", false, "the image that was handed in")
	wait := c.Flags().Bool("wait", false, "wait until the work has ended")
	c.RunE = func(c *cobra.Command, args []string) error {
		lab, err := labFor(c)
		if err != nil {
			return err
		}
		fetch := func(w io.Writer) (client.Content, error) { return lab.Result(c.Context(), args[0], *output, w) }
		if *original {
			fetch = func(w io.Writer) (client.Content, error) { return lab.Original(c.Context(), args[0], w) }
		}
		if *wait {
			if _, err := lab.Wait(c.Context(), args[0]); err != nil {
				return err
			}
		}
		if *out != "-" {
			return toFile(c, *out, fetch)
		}
		if isTerminal(c.OutOrStdout()) {
			return usage(errors.New("an image would be written to the terminal; name a file with -o"))
		}
		_, err = fetch(c.OutOrStdout())
		return err
	}
	return calls(c)
}

// toFile stores what fetch writes: whole, or not at all.
func toFile(c *cobra.Command, path string, fetch func(io.Writer) (client.Content, error)) (err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usage(fmt.Errorf("%s is a folder; -o names a file", shown(path)))
	}
	f, err := batch.NewFile(filepath.Dir(path), ".minilab-")
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return fmt.Errorf("%s cannot be written: %w", shown(path), e.Err)
	}
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		if err != nil {
			_ = os.Remove(f.Name()) // there is another error to be told
		}
	}()
	content, err := fetch(f)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if asJSON(c) {
		return printLine(c.OutOrStdout(), content)
	}
	return nil
}

// listed are tasks for completion.
func listed(ctx context.Context, lab *client.Client, limit int) (tasks []client.Task) {
	for t, err := range lab.Tasks(ctx, client.Filter{Page: limit}) {
		if err != nil || len(tasks) == limit {
			break
		}
		tasks = append(tasks, t)
	}
	return tasks
}
