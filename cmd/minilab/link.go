package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"minilab/client"
)

func links() *cobra.Command {
	c := &cobra.Command{
		Use:   "link ID[/OUTPUT] | link --upload",
		Short: "Make a URL that fetches one picture, or takes one image in, without a key",
		Long: `Make a URL by which whoever has it fetches one picture of a task without a key: a
result, the first one if OUTPUT is not named, or with --original what was handed in.

With --upload the URL takes one image in instead, with POST and the image as the body,
to be altered as --pipeline, --output and --preset say and not otherwise.

The URL is good until it expires, and ends with the key that it was made with.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeTasks,
	}
	flags := c.Flags()
	expires := flags.String("expires", "1h", "how long it is good: 1s to 30d")
	var p client.Picture
	flags.BoolVar(&p.Original, "original", false, "the image as it was handed in")
	flags.BoolVar(&p.Attachment, "download", false, "have browsers keep it as a file")
	upload := flags.Bool("upload", false, "take one image in")
	var o client.Order
	flags.StringVarP(&o.Pipeline, "pipeline", "p", "", "what is done with the image that comes, such as resize:512x512/webp")
	flags.StringVar(&o.Preset, "preset", "", "a pipeline that the lab has a name for")
	outputs := flags.StringArray("output", nil, "NAME=PIPELINE, one of several results")
	flags.StringArrayVar(&o.Tags, "tag", nil, "tag of its task")
	maxBytes := flags.String("max-bytes", "", "what the image may have, such as 5MB")
	completeOrders(c)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if *upload == (len(args) == 1) {
			return usage(errors.New("name a task, or say --upload"))
		}
		life, err := days(*expires)
		if err != nil {
			return usage(err)
		}
		if o.Outputs, err = outputsOf(*outputs); err != nil {
			return usage(err)
		}
		limit, err := byteCount(*maxBytes)
		if err != nil {
			return usage(err)
		}
		lab, err := labFor(c)
		if err != nil {
			return err
		}
		var made client.Link
		if *upload {
			made, err = lab.LinkFor(c.Context(), o, limit, life)
		} else {
			p.Task, p.Output, _ = strings.Cut(args[0], "/")
			made, err = lab.LinkTo(c.Context(), p, life)
		}
		if err != nil {
			return err
		}
		return printLink(c, made)
	}
	return calls(c)
}

func printLink(c *cobra.Command, made client.Link) error {
	if asJSON(c) {
		return printLine(c.OutOrStdout(), made)
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), made.URL)
	return err
}

// byteCount reads a size; an empty text is 0.
func byteCount(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > 1<<50 {
		return 0, fmt.Errorf("a size is such as 5MB, got %q", text)
	}
	return int64(n), nil
}
