package app

import (
	"minilab/internal/kv/kvcheck"
	"minilab/internal/master"
	"minilab/internal/pipeline"
)

// written judges what is written to the key-value store and believed by others,
// by prefix.
var written = map[string]kvcheck.Check{
	master.OperationPrefix: func(name string, value []byte) error {
		_, err := pipeline.Declare(name, value)
		return err
	},
}
