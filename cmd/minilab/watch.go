package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"minilab/client"
)

func watch() *cobra.Command {
	c := &cobra.Command{
		Use:   "watch [ID…]",
		Short: "Show what happens to tasks, as it happens",
		Long: `Show what happens to tasks, as it happens, until all of them have ended; without IDs
what happens to all tasks, or to those with a tag, until it is stopped.

The exit status is 3 when one of the named tasks has failed or was canceled.`,
		ValidArgsFunction: completeTasks,
	}
	tag := c.Flags().String("tag", "", "tasks with this tag")
	c.RunE = func(c *cobra.Command, ids []string) error {
		lab, err := labFor(c)
		if err != nil {
			return err
		}
		last := map[string]client.State{}
		for e, err := range lab.Events(c.Context(), client.Watch{Tasks: ids, Tag: *tag}) {
			if c.Context().Err() != nil {
				return stoppedWatch(ids)
			}
			if err != nil {
				return err
			}
			if e.State != "" {
				last[e.Task] = e.State
			}
			if err := printEvent(c, e); err != nil {
				return err
			}
		}
		return endedBadly(ids, last)
	}
	return calls(c)
}

// stoppedWatch is no error where that is how one ends it.
func stoppedWatch(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return errors.New("stopped before the tasks have ended")
}

// endedBadly is an error when not all of the tasks are finished.
func endedBadly(ids []string, last map[string]client.State) error {
	bad := 0
	for _, id := range ids {
		if s := last[id]; s == client.Failed || s == client.Canceled {
			bad++
		}
	}
	if bad == 0 {
		return nil
	}
	return &codedError{exitSome, fmt.Errorf("%d of %s ended without a result", bad, counted(len(ids), "task"))}
}

func printEvent(c *cobra.Command, e client.Event) error {
	if asJSON(c) {
		return printLine(c.OutOrStdout(), struct {
			ID   string `json:"id,omitempty"`
			Type string `json:"type"`
			client.Event
		}{e.ID, e.Type, e})
	}
	parts := []string{e.Time.Local().Format("15:04:05"), e.Task, e.Type}
	switch {
	case e.Error != nil:
		parts = append(parts, shown(e.Error.String()))
	case e.Place != nil:
		parts = append(parts, fmt.Sprintf("%d before it, about %.0f s", e.Place.Ahead, e.Place.Seconds))
	case e.Type == "progress":
		parts = append(parts, fmt.Sprintf("%.0f%%", 100*e.Progress), e.Stage)
	}
	fmt.Fprintln(c.OutOrStdout(), strings.TrimSpace(strings.Join(parts, "  ")))
	return nil
}
