package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"minilab/client"
	"minilab/internal/config"
	"minilab/internal/kv"
	"minilab/internal/master"
	"minilab/internal/pipeline"
)

func ops() *cobra.Command {
	var schema bool
	c := &cobra.Command{
		Use:   "ops [NAME...]",
		Short: "List the operations that a pipeline may have",
		Long: `List the operations that a pipeline may have: the built-in ones, and those that are
declared in the lab whose frontend --server URL or MINILAB_SERVER names, or whose
key-value store --kv URL.`,
		ValidArgsFunction: completeOps,
		RunE: func(c *cobra.Command, names []string) error {
			list, document, err := declarations(c, schema)
			switch {
			case err != nil:
				return err
			case schema:
				return printJSON(c.OutOrStdout(), document)
			}
			return printOps(c, list, names)
		},
	}
	addCallFlags(c.Flags(), "URL of a frontend; also MINILAB_SERVER")
	c.Flags().BoolVar(&schema, "schema", false, "print the JSON form of a pipeline as a JSON Schema")
	return c
}

// declarations are the operations of the lab that the command line names, and
// their JSON Schema if that is asked for.
func declarations(c *cobra.Command, schema bool) (list []client.Operation, document any, err error) {
	if !asksFrontend(c) {
		catalog, err := catalogOf(c)
		if err != nil {
			return nil, nil, err
		}
		return operationsOf(catalog), catalog.Schema(), nil
	}
	lab, err := labFor(c)
	if err != nil {
		return nil, nil, err
	}
	if schema {
		document, err = lab.PipelineSchema(c.Context())
		return nil, document, err
	}
	list, err = lab.Operations(c.Context())
	return list, nil, err
}

// catalogOf is the operations of the lab whose key-value store --kv names, or
// the built-in ones.
func catalogOf(c *cobra.Command) (*pipeline.Catalog, error) {
	cfg, err := config.Load(c.Flags(), os.Environ())
	if err != nil || len(cfg.KV) == 0 {
		return nil, err
	}
	store, err := kvOf(cfg)
	if err != nil {
		return nil, err
	}
	return declaredIn(c.Context(), store)
}

func declaredIn(ctx context.Context, store kv.Store) (*pipeline.Catalog, error) {
	var custom []pipeline.Op
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, err := store.List(ctx, master.OperationPrefix, cursor, 0)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			op, err := pipeline.Declare(strings.TrimPrefix(e.Key, master.OperationPrefix), e.Value)
			if err != nil {
				return nil, fmt.Errorf("what %s has cannot be used: %w", e.Key, err)
			}
			custom = append(custom, op)
		}
		cursor = page.Next
	}
	return pipeline.NewCatalog(custom...), nil
}

func printOps(c *cobra.Command, list []client.Operation, names []string) error {
	shown := 0
	for _, op := range list {
		if len(names) > 0 && !slices.Contains(names, op.Name) {
			continue
		}
		shown++
		if !asJSON(c) {
			printOp(c.OutOrStdout(), op)
			continue
		}
		if err := printLine(c.OutOrStdout(), op); err != nil {
			return err
		}
	}
	if shown < len(names) {
		return errors.New("there is no operation of that name; minilab ops lists them all")
	}
	return nil
}

func printOp(w io.Writer, op client.Operation) {
	fmt.Fprintf(w, "%s\n    %s\n", op.Usage, op.Summary)
	for _, p := range op.Params {
		fmt.Fprintf(w, "    %s: %s (%s)\n", p.Name, p.Doc, expects(p))
	}
	if op.Example != "" {
		fmt.Fprintf(w, "    such as %s\n", op.Example)
	}
	if len(op.With) > 0 {
		fmt.Fprintf(w, "    its workers do besides: %s\n", strings.Join(op.With, ", "))
	}
}

func expects(p client.Param) string {
	switch {
	case p.Required:
		return p.Expects + "; needed"
	case p.Default == "":
		return p.Expects
	}
	return p.Expects + "; default " + p.Default
}
