package master

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

	"minilab/internal/kv"
	"minilab/internal/kv/kvview"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
)

// OperationPrefix is where custom operations are declared in the key-value store.
const OperationPrefix = "operations/"

// maxOperations is how many declarations are believed.
const maxOperations = 1000

// maxAsked is how many declarations one submission has the store asked for.
const maxAsked = 4

// Catalog is what is known of the custom operations. It follows the key-value
// store and keeps what it knows while that is away. The nil catalog has none.
type Catalog struct {
	store kv.Store
	view  *kvview.View[pipeline.Op]
	built atomic.Pointer[builtCatalog]
}

// builtCatalog is a catalog and what it was made of.
type builtCatalog struct {
	from    *kvview.Snapshot[pipeline.Op]
	catalog *pipeline.Catalog
}

// NewCatalog makes a catalog that knows nothing yet; Follow has it learn.
func NewCatalog(store kv.Store) *Catalog {
	return &Catalog{store: store, view: kvview.New(OperationPrefix, maxOperations, func(name string, e kv.Entry) (pipeline.Op, error) {
		return pipeline.Declare(name, e.Value)
	})}
}

// Follow keeps the catalog up to date until ctx ends.
func (c *Catalog) Follow(ctx context.Context, log *slog.Logger) { c.view.Follow(ctx, c.store, log) }

// Resolve judges the submission's operations and says which custom one a worker
// must accept, none when it is empty. What would be refused by what is known is
// judged again by what the store has: it may have been declared just now.
func (c *Catalog) Resolve(ctx context.Context, s lab.Submission) (lab.Submission, string, error) {
	names := foreign(s)
	if len(names) == 0 {
		return s, "", nil
	}
	if c == nil {
		return resolve(nil, s)
	}
	resolved, needs, err := resolve(c.known(), s)
	if err == nil {
		return resolved, needs, nil
	}
	fresh, err := c.fresh(ctx, names)
	if err != nil {
		return s, "", err
	}
	return resolve(fresh, s)
}

// foreign is the names of the operations that are not built in.
func foreign(s lab.Submission) []string {
	names := s.Pipeline.Foreign()
	for _, o := range s.Outputs {
		names = append(names, o.Pipeline.Foreign()...)
	}
	return names
}

// resolve judges all pipelines of a submission.
func resolve(c *pipeline.Catalog, s lab.Submission) (lab.Submission, string, error) {
	p, err := c.Resolve(s.Pipeline)
	if err != nil {
		return s, "", err
	}
	all, outputs := []pipeline.Pipeline{p}, slices.Clone(s.Outputs)
	for i, o := range outputs {
		if outputs[i].Pipeline, err = c.Resolve(o.Pipeline); err != nil {
			return s, "", pipeline.InOutput(o.Name, err)
		}
		all = append(all, outputs[i].Pipeline)
	}
	needs, err := c.Needs(all...)
	if err != nil {
		return s, "", err
	}
	s.Pipeline, s.Outputs = p, outputs
	return s, needs, nil
}

// known is the catalog of the view, made anew when that has changed.
func (c *Catalog) known() *pipeline.Catalog {
	from := c.view.Snapshot()
	if b := c.built.Load(); b != nil && b.from == from {
		return b.catalog
	}
	b := &builtCatalog{from, pipeline.NewCatalog(slices.Collect(maps.Values(from.Values))...)}
	c.built.Store(b)
	return b.catalog
}

// fresh is the catalog with these operations as the store has them.
func (c *Catalog) fresh(ctx context.Context, names []string) (*pipeline.Catalog, error) {
	ops := maps.Clone(c.view.Snapshot().Values)
	if ops == nil {
		ops = map[string]pipeline.Op{}
	}
	for _, name := range names[:min(len(names), maxAsked)] {
		op, ok, err := c.view.Read(ctx, c.store, name)
		if err != nil {
			return nil, err
		}
		delete(ops, name)
		if ok {
			ops[name] = op
		}
	}
	return pipeline.NewCatalog(slices.Collect(maps.Values(ops))...), nil
}

// Ops lists every operation, built in or declared.
func (c *Catalog) Ops() []pipeline.Op { return c.known().Ops() }

// Schema is the JSON Schema of a pipeline of these operations.
func (c *Catalog) Schema() map[string]any { return c.known().Schema() }
