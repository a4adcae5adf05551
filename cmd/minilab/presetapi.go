package main

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"minilab/client"
	"minilab/internal/pipeline"
	"minilab/internal/preset"
)

// book is where presets are kept: preset.Shelf, or a frontend.
type book interface {
	All(ctx context.Context, prefix string) (map[string]string, error)
	Find(ctx context.Context, n preset.Name) (preset.Name, string, error)
	Set(ctx context.Context, n preset.Name, value []byte) error
	Add(ctx context.Context, base string, value []byte) (preset.Name, error)
	Delete(ctx context.Context, n preset.Name) error
}

// apiBook has the presets of a lab at its frontend.
type apiBook struct{ lab *client.Client }

// All implements book.
func (b apiBook) All(ctx context.Context, prefix string) (map[string]string, error) {
	list, err := b.lab.Presets(ctx)
	all := map[string]string{}
	for _, p := range list {
		if strings.HasPrefix(p.Name, prefix) {
			all[p.Name] = valueOf(p)
		}
	}
	return all, err
}

// valueOf is a preset as it is kept. One that is broken is told of by what
// cannot be read either.
func valueOf(p client.Preset) string {
	if p.Broken != "" {
		return ""
	}
	text, err := json.Marshal(client.Preset{Summary: p.Summary, Pipeline: p.Pipeline, Outputs: p.Outputs})
	if err != nil {
		return ""
	}
	read, err := preset.Parse(text)
	if err != nil {
		return string(text)
	}
	return string(read.Value())
}

// Find implements book.
func (b apiBook) Find(ctx context.Context, n preset.Name) (preset.Name, string, error) {
	p, err := b.lab.Preset(ctx, n.String())
	if err != nil {
		return n, "", err
	}
	found, err := preset.ParseName(p.Name)
	return found, valueOf(p), err
}

// Set implements book.
func (b apiBook) Set(ctx context.Context, n preset.Name, value []byte) error {
	p, err := preset.Parse(value)
	if err != nil {
		return err
	}
	out := client.Preset{Name: n.String(), Summary: p.Summary, Pipeline: p.Pipeline.String()}
	for _, o := range p.Outputs {
		out.Outputs = append(out.Outputs, client.Output{Name: o.Name, Pipeline: o.Pipeline.String()})
	}
	return b.lab.PutPreset(ctx, out)
}

// Add implements book: a version that somebody else has written meanwhile is
// theirs, and the next one is tried.
func (b apiBook) Add(ctx context.Context, base string, value []byte) (n preset.Name, err error) {
	for range addAttempts {
		if n, err = b.next(ctx, base); err != nil {
			return n, err
		}
		if err = b.Set(ctx, n, value); client.CodeOf(err) != "written-once" {
			return n, err
		}
	}
	return n, err
}

const addAttempts = 10

// next is the version after the highest one.
func (b apiBook) next(ctx context.Context, base string) (preset.Name, error) {
	list, err := b.lab.Presets(ctx)
	highest := 0
	for _, p := range list {
		if version, ok := strings.CutPrefix(p.Name, base+"@"); ok {
			if v, err := strconv.Atoi(version); err == nil {
				highest = max(highest, v)
			}
		}
	}
	return preset.Name{Base: base, Version: highest + 1}, err
}

// Delete implements book.
func (b apiBook) Delete(ctx context.Context, n preset.Name) error {
	return b.lab.DeletePreset(ctx, n.String())
}

// operationsOf are declarations as a frontend tells them.
func operationsOf(catalog *pipeline.Catalog) (list []client.Operation) {
	for _, op := range catalog.Ops() {
		out := client.Operation{Name: op.Name, Group: string(op.Group), Summary: op.Summary, Usage: op.Usage(), Example: op.Example, With: op.With}
		for _, p := range op.Params {
			v := client.Param{
				Name: p.Name, Kind: string(p.Kind), Doc: p.Doc, Expects: p.Expects(), Unit: p.Unit, Default: p.Default,
				Required: p.Required, Choices: p.Choices, Counts: p.Counts, Limit: p.Limit,
			}
			if p.Min < p.Max {
				v.Min, v.Max = &p.Min, &p.Max
			}
			out.Params = append(out.Params, v)
		}
		list = append(list, out)
	}
	return list
}
