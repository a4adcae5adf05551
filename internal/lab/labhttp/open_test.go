package labhttp_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/pipeline"
)

// TestWhatOnlyTheMasterKnows passes on both sides of the wire: a frontend does
// not know the operations of foreign workers.
func TestWhatOnlyTheMasterKnows(t *testing.T) {
	b := &book{}
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	labhttp.Route(rt, b)
	srv := httptest.NewServer(rt)
	defer srv.Close()
	p, err := pipeline.ParseOpen(`[{"op":"sketch","fast":true,"at":[1,2],"title":"a/b"}]`)
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := pipeline.ParseOutputsOpen("a=sketch:3|b=swap")
	if err != nil {
		t.Fatal(err)
	}
	c := labhttp.NewClient(httpx.NewClient(srv.URL, httpx.NewTransport()))
	if _, err := c.Submit(t.Context(), lab.Submission{Pipeline: p, Outputs: outputs, Size: 1}, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	got := b.asked.(lab.Submission)
	if got.Pipeline.String() != p.String() || pipeline.OutputsText(got.Outputs) != pipeline.OutputsText(outputs) {
		t.Errorf("%s and %s arrived as %s and %s", p, pipeline.OutputsText(outputs), got.Pipeline, pipeline.OutputsText(got.Outputs))
	}
}
