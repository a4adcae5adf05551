package frontend

import (
	"log/slog"
	"net/http"
	"strconv"
	"sync"

	"minilab/internal/httpx"
	"minilab/internal/pipeline"
)

// OpenAPI is the description of the resources, OpenAPI 3.1 as YAML. It depends
// on nothing but the program.
func OpenAPI() ([]byte, error) {
	log := slog.New(slog.DiscardHandler)
	return newAPI(Config{Catalog: pipeline.NewCatalog(), Log: log}, httpx.NewRouter(log)).huma.OpenAPI().YAML()
}

// routeOpenAPI serves the description, which is written when it is first asked
// for: most frontends never are.
func (a *api) routeOpenAPI() {
	description := sync.OnceValues(a.huma.OpenAPI().YAML)
	a.rt.Handle("GET|HEAD /openapi.yaml", func(w http.ResponseWriter, _ *http.Request) error {
		text, err := description()
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/yaml")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Length", strconv.Itoa(len(text))) // HEAD has it too
		_, _ = w.Write(text)                                      // the caller is gone; nobody is left to tell
		return nil
	})
}
