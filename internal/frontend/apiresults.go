package frontend

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"minilab/internal/auth"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
)

// ResultIn is what the routes of results take.
type ResultIn struct {
	TaskID
	Download    bool   `query:"download" doc:"Have browsers keep it as a file"`
	Range       string `header:"Range" doc:"Parts of it (RFC 9110)" example:"bytes=0-1023"`
	IfRange     string `header:"If-Range"`
	IfNoneMatch string `header:"If-None-Match"`
	// IfModifiedSince is text, for what is no date means nothing (RFC 9110, 13.1.3).
	IfModifiedSince string `header:"If-Modified-Since"`
}

// outputIn names an output besides.
type outputIn struct {
	ResultIn
	Output string `path:"output" maxLength:"64" doc:"Its name"`
}

func (a *api) routeResults() {
	stream(a, imageOperation("get-result", "/tasks/{id}/result", "Pick a result up: the only one, or the first"), auth.Read,
		func(w http.ResponseWriter, r *http.Request, who auth.Principal, in *ResultIn) error {
			return a.serveResult(w, r, ref(who, in.ID), "")
		})
	stream(a, imageOperation("get-output", "/tasks/{id}/result/{output}", "Pick one of several results up"), auth.Read,
		func(w http.ResponseWriter, r *http.Request, who auth.Principal, in *outputIn) error {
			return a.serveResult(w, r, ref(who, in.ID), in.Output)
		})
	stream(a, imageOperation("get-original", "/tasks/{id}/original", "Pick the image up as it was handed in"), auth.Read,
		func(w http.ResponseWriter, r *http.Request, who auth.Principal, in *ResultIn) error {
			res, err := a.Customers.Original(r.Context(), ref(who, in.ID))
			if err != nil {
				return err
			}
			return labhttp.ServeResult(w, r, in.ID, res)
		})
}

func (a *api) serveResult(w http.ResponseWriter, r *http.Request, ref lab.Ref, output string) error {
	res, err := a.Customers.Result(r.Context(), ref, output)
	if err != nil {
		return err
	}
	return labhttp.ServeResult(w, r, ref.ID, res)
}

// imageOperation describes a resource that is an image.
func imageOperation(id, path, summary string) huma.Operation {
	image := map[string]*huma.MediaType{"image/*": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	headers := map[string]*huma.Param{}
	for name, doc := range map[string]string{"ETag": "Strong: the SHA-256 of the image", "Repr-Digest": "RFC 9530", "Content-Disposition": "With download", "Minilab-Output": "Its name, where it has one"} {
		headers[name] = &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return operation(huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"Images"}, Summary: summary, Metadata: map[string]any{alsoHead: true},
		Description: "Answers HEAD too.",
		Responses: map[string]*huma.Response{
			"200": {Description: "The image", Content: image, Headers: headers},
			"206": {Description: "The part of it that was asked for", Content: image, Headers: headers},
			"304": {Description: "The caller has it"},
		},
	}, auth.Read, http.StatusNotFound, http.StatusConflict, http.StatusRequestedRangeNotSatisfiable, http.StatusUnprocessableEntity)
}
