package frontendtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"minilab/internal/frontend"
)

// Described is a client whose every answer must be as the API's description
// says: its status, its headers and its JSON.
func Described(t *testing.T) *http.Client {
	t.Helper()
	router, err := description()
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: described{t, router}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// description finds the routes of the description, which is read once.
var description = sync.OnceValues(func() (routers.Router, error) {
	text, err := frontend.OpenAPI()
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("the description is not valid: %w", err)
	}
	return legacy.NewRouter(doc)
})

type described struct {
	t      *testing.T
	router routers.Router
}

// RoundTrip implements http.RoundTripper.
func (d described) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	asked := r.Clone(r.Context())
	asked.URL.Scheme, asked.URL.Host = "", ""
	if r.Method == http.MethodHead {
		asked.Method = http.MethodGet
	}
	route, params, err := d.router.FindRoute(asked)
	if err != nil {
		if strings.HasPrefix(r.URL.Path, "/api/") && resp.StatusCode < 300 {
			d.t.Errorf("%s %s is not described, and answers %d", r.Method, r.URL.Path, resp.StatusCode)
		}
		return resp, nil
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	var body []byte
	if media := resp.Header.Get("Content-Type"); strings.Contains(media, "json") || resp.StatusCode == http.StatusNoContent {
		if body, err = io.ReadAll(resp.Body); err != nil {
			return nil, err
		}
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
	} else {
		options.ExcludeResponseBody = true // an image, or a stream
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route, Options: options},
		Status:                 resp.StatusCode, Header: resp.Header, Options: options,
	}
	in.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), in); err != nil {
		d.t.Errorf("%s %s answers %d %s, which is not as described: %v", r.Method, r.URL, resp.StatusCode, body, err)
	}
	return resp, nil
}
