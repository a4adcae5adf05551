package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"minilab/client"
	"minilab/internal/pipeline"
)

// completeTime is what a person waits for a completion at most.
const completeTime = time.Second

// asked is what the lab says for a completion, or nothing.
func asked[T any](c *cobra.Command, ask func(context.Context, *client.Client) T) (answer T) {
	lab, err := labFor(c)
	if err != nil {
		return answer
	}
	ctx, stop := context.WithTimeout(c.Context(), completeTime)
	defer stop()
	return ask(ctx, lab)
}

// completeTasks proposes the newest tasks.
func completeTasks(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	tasks := asked(c, func(ctx context.Context, lab *client.Client) []client.Task { return listed(ctx, lab, 50) })
	var list []cobra.Completion
	for _, t := range tasks {
		list = append(list, cobra.CompletionWithDesc(t.ID, string(t.State)+" "+taskText(t)))
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeOrders proposes operations and presets for the flags of submit.
func completeOrders(c *cobra.Command) {
	for flag, f := range map[string]cobra.CompletionFunc{"pipeline": completePipeline, "preset": completePresets} {
		_ = c.RegisterFlagCompletionFunc(flag, f) // the flags are there
	}
}

// completePipeline proposes the next operation of a pipeline.
func completePipeline(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := typed[:strings.LastIndex(typed, "/")+1]
	var list []cobra.Completion
	for _, op := range pipeline.NewCatalog().Ops() {
		list = append(list, cobra.CompletionWithDesc(before+op.Name, op.Usage()+"  "+op.Summary))
	}
	return list, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

func completeOps(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var list []cobra.Completion
	for _, op := range pipeline.NewCatalog().Ops() {
		list = append(list, cobra.CompletionWithDesc(op.Name, op.Summary))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

func completePresets(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	presets := asked(c, func(ctx context.Context, lab *client.Client) []client.Preset {
		all, _ := lab.Presets(ctx) // without an answer there is nothing to propose
		return all
	})
	var list []cobra.Completion
	for _, p := range presets {
		list = append(list, cobra.CompletionWithDesc(p.Name, p.Summary))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
