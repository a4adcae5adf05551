package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"minilab/client"
	"minilab/internal/batch"
)

func submit() *cobra.Command {
	c := &cobra.Command{
		Use:   "submit FILE|DIR|URL…",
		Short: "Hand images in, and store what is made of them",
		Long: `Hand images in: files, all files below a folder, and http and https URLs that the
lab fetches. Without --pipeline, --output and --preset red and blue trade places.

It prints the task of each image, one per line: ID and NAME; of a single FILE or URL
the ID alone. With -o DIR the results are stored there under the names of the
images, with the ending of the result's format, and -NAME before it where there are
several outputs.

The same command, after whatever end, goes on where it stopped: results that are there
are left alone, images that were handed in are not handed in again. DIR/.minilab has
what is needed for that. It never writes over a file that it has not made.

In folders, hidden files are left out, links to files are followed, links to folders
are not. What is no image is told, and the others go on.

The exit status is 0 when all went well, 1 when it was given up, 2 when the command
line is wrong, and 3 when some images failed.`,
		Args: cobra.MinimumNArgs(1),
	}
	flags := c.Flags()
	var o client.Order
	flags.StringVarP(&o.Pipeline, "pipeline", "p", "", "what is done, such as resize:512x512/webp; minilab ops lists it all")
	flags.StringVar(&o.Preset, "preset", "", "a pipeline that the lab has a name for")
	outputs := flags.StringArray("output", nil, "NAME=PIPELINE, one of several results; --pipeline is their common beginning")
	flags.StringArrayVar(&o.Tags, "tag", nil, "tag of the tasks, by which list, watch and rm find them")
	flags.IntVar(&o.Priority, "priority", 0, "-9 to 9, higher goes first")
	flags.BoolVar(&o.Partial, "partial", false, "take what is there of damaged images")
	flags.BoolVar(&o.Fresh, "fresh", false, "do the work even where the lab has its result already")
	keep := flags.String("keep", "", "how long the lab keeps tasks and images after the end, such as 7d; default: as the lab does")
	flags.StringVar(&o.Callback, "callback", "", "URL that the lab tells of the end")
	var j batch.Job
	flags.BoolVar(&j.Wait, "wait", false, "wait until the work has ended")
	flags.StringVarP(&j.Out, "out", "o", "", "store the results in this folder, which waits for them")
	flags.IntVar(&j.Parallel, "parallel", 8, "images on their way at once")
	completeOrders(c)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if o.Outputs, err = outputsOf(*outputs); err != nil {
			return usage(err)
		}
		if o.Keep, err = days(*keep); err != nil {
			return usage(err)
		}
		if j.Parallel < 1 || j.Parallel > 256 {
			return usage(errors.New("--parallel is 1 to 256"))
		}
		j.Order, j.Inputs = o, args
		return runBatch(c, j)
	}
	return calls(c)
}

func outputsOf(texts []string) (outputs []client.Output, err error) {
	for _, text := range texts {
		name, pipeline, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--output is NAME=PIPELINE, got %q", text)
		}
		outputs = append(outputs, client.Output{Name: name, Pipeline: pipeline})
	}
	return outputs, nil
}

func runBatch(c *cobra.Command, j batch.Job) (err error) {
	if j.Lab, err = labFor(c); err != nil {
		return err
	}
	show := newShow(c, j)
	j.Report = show.note
	client.WithWaiting((&waiting{out: show.errors()}).tell)(j.Lab)
	sum, err := batch.Run(c.Context(), j)
	show.end(sum, err)
	switch {
	case c.Context().Err() != nil:
		return fmt.Errorf("stopped%s", goesOn(j, nil))
	case errors.Is(err, context.Canceled):
		return err
	case err != nil && sum.Images == 0:
		return err // it has not come to the first
	case err != nil:
		return fmt.Errorf("%w%s", err, goesOn(j, err))
	case sum.Failed > 0:
		return &codedError{exitSome, fmt.Errorf("%d of %s failed", sum.Failed, counted(sum.Images, "image"))}
	}
	return nil
}

// goesOn says how to go on after err, where that is possible: what is wrong with
// the order will be wrong again.
func goesOn(j batch.Job, err error) string {
	e := (*client.Error)(nil)
	if j.Out == "" || errors.As(err, &e) && e.Status < http.StatusTooManyRequests {
		return ""
	}
	return "; the same command goes on from here"
}
