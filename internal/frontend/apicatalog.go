package frontend

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"minilab/internal/auth"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
)

// Catalog is the operations that pipelines may have.
type Catalog interface {
	Ops() []pipeline.Op
	Schema() map[string]any // of a pipeline's JSON form
}

// Worker is one that is at work for the lab.
type Worker struct {
	ID      string `json:"id"`
	Version string `json:"version" doc:"Of its program"`
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

type operationsOut struct {
	Body struct {
		Operations []Operation `json:"operations"`
	}
}

type schemaOut struct{ Body map[string]any }

type statsOut struct{ Body lab.Stats }

type workersOut struct {
	Body struct {
		Workers []Worker `json:"workers"`
	}
}

func (a *api) routeCatalog() {
	resource(a, operation(huma.Operation{
		OperationID: "list-operations", Method: http.MethodGet, Path: "/operations", Tags: []string{"Operations"},
		Summary: "List what can be done with images",
	}, auth.Read), auth.Read, func(context.Context, auth.Principal, *struct{}) (*operationsOut, error) {
		out := &operationsOut{}
		for _, op := range a.Catalog.Ops() {
			out.Body.Operations = append(out.Body.Operations, newOperation(op))
		}
		return out, nil
	})
	resource(a, operation(huma.Operation{
		OperationID: "get-pipeline-schema", Method: http.MethodGet, Path: "/operations/schema", Tags: []string{"Operations"},
		Summary: "The JSON Schema of a pipeline's JSON form",
	}, auth.Read), auth.Read, func(context.Context, auth.Principal, *struct{}) (*schemaOut, error) {
		return &schemaOut{a.Catalog.Schema()}, nil
	})
	resource(a, operation(huma.Operation{
		OperationID: "get-stats", Method: http.MethodGet, Path: "/stats", Tags: []string{"Lab"}, Summary: "The lab at a glance",
		Description: "All owners' tasks are counted.",
	}, auth.Admin), auth.Admin, func(ctx context.Context, _ auth.Principal, _ *struct{}) (*statsOut, error) {
		s, err := a.Board.Stats(ctx)
		return &statsOut{s}, err
	})
	resource(a, operation(huma.Operation{
		OperationID: "list-workers", Method: http.MethodGet, Path: "/workers", Tags: []string{"Lab"}, Summary: "List the workers",
	}, auth.Admin), auth.Admin, func(context.Context, auth.Principal, *struct{}) (*workersOut, error) {
		out := &workersOut{}
		out.Body.Workers = a.Workers()
		return out, nil
	})
	a.routePresets()
}
