package frontend

import (
	"log/slog"
	"net/http"
	"strconv"

	"minilab/internal/httpx"
	"minilab/internal/pipeline"
)

// OpenAPI is the description of the resources, OpenAPI 3.1 as YAML. It depends
// on nothing but the program.
func OpenAPI() ([]byte, error) {
	log := slog.New(slog.DiscardHandler)
	return newAPI(Config{Catalog: pipeline.NewCatalog(), Log: log}, httpx.NewRouter(log)).huma.OpenAPI().YAML()
}

// routeOpenAPI serves the description.
func (a *api) routeOpenAPI() {
	text, err := a.huma.OpenAPI().YAML()
	if err != nil {
		panic(err) // it is made of what is declared here
	}
	a.rt.Handle("GET|HEAD /openapi.yaml", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/yaml")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Length", strconv.Itoa(len(text))) // HEAD has it too
		_, _ = w.Write(text)                                      // the caller is gone; nobody is left to tell
		return nil
	})
}
