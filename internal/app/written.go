package app

import (
	"bytes"
	"context"

	"minilab/internal/auth"
	"minilab/internal/imagehead"
	"minilab/internal/kv"
	"minilab/internal/kv/kvcheck"
	"minilab/internal/lab"
	"minilab/internal/master"
	"minilab/internal/pipeline"
	"minilab/internal/preset"
)

// guarded judges what is written to the key-value store and believed by others.
// A preset's version is written once.
func guarded(s kv.Store) kv.Store {
	operations := master.NewCatalog(s)
	return kvcheck.New(kvcheck.Once(s, preset.IsVersion), map[string]kvcheck.Check{
		master.OperationPrefix: func(_ context.Context, name string, value []byte) error {
			_, err := pipeline.Declare(name, value)
			return err
		},
		preset.Prefix: func(ctx context.Context, name string, value []byte) error {
			if _, err := preset.ParseName(name); err != nil {
				return err
			}
			p, err := preset.Parse(value)
			if err != nil {
				return err
			}
			_, _, err = operations.Resolve(ctx, lab.Submission{Pipeline: p.Pipeline, Outputs: p.Outputs})
			return preset.Because(err)
		},
		auth.KeyPrefix: func(_ context.Context, id string, value []byte) error { return auth.CheckEntry(id, value) },
		lab.WatermarkPrefix: func(_ context.Context, name string, value []byte) error {
			if !lab.IsWatermarkName(name) {
				return kvcheck.ErrRefused.Detailf("%q cannot be the name of an image to be laid over others", name)
			}
			_, _, err := imagehead.Peek(bytes.NewReader(value))
			return err
		},
	})
}
