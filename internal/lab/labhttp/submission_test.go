package labhttp_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"minilab/internal/auth"
	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/pipeline"
	"minilab/internal/problem"
)

// post hands an image in at the frontend's paths and gives what the lab was
// asked for, or the problem.
func post(t *testing.T, query url.Values, header http.Header) (lab.Submission, problem.Problem) {
	t.Helper()
	b := &book{}
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	labhttp.RouteCustomers(rt, b, labhttp.Paths{New: "/newImage", IsReady: "/image/isReady", Get: "/image/get"})
	r := httptest.NewRequest(http.MethodPost, "/newImage?"+query.Encode(), strings.NewReader("x"))
	r.Header = header
	r = r.WithContext(auth.With(r.Context(), auth.Public()))
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, r)
	var p problem.Problem
	if w.Code != http.StatusAccepted && json.Unmarshal(w.Body.Bytes(), &p) != nil {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	s, _ := b.asked.(lab.Submission)
	return s, p
}

func TestWhatTheViewerTakes(t *testing.T) {
	for header, want := range map[string]string{
		"":    "",
		"*/*": "",
		"image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8": "avif,webp",
		"image/webp":                        "webp",
		"image/*":                           "",
		"image/webp, image/avif":            "avif,webp",
		"IMAGE/AVIF ; Q=0.1, */*":           "avif",
		"image/avif;q=0, image/webp":        "webp",
		"image/avif;q=0.000,image/webp;q=0": "",
		"image/webp;q=much":                 "",
		"image/webp;level=1;q=0":            "",
		"image/webp;level=1":                "webp",
		"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8": "avif,webp",
		"image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5":                         "",
		"image/jxl;image/webp": "",
		",;,=;q,":              "",
	} {
		s, p := post(t, nil, http.Header{"Accept": {header}})
		if p.Code != "" || s.Accept != want {
			t.Errorf("%q is taken for %q, want %q (%s)", header, s.Accept, want, p.Code)
		}
	}
	if s, _ := post(t, nil, http.Header{"Accept": {"image/webp", "image/avif"}}); s.Accept != "avif,webp" {
		t.Errorf("two lines are taken for %q", s.Accept)
	}
}

func TestOutputsInAnyForm(t *testing.T) {
	for text, want := range map[string]string{
		"thumb=resize:256x256/webp|large=resize:1600x1600/jpeg:80":                                        "thumb=resize:256x256/webp|large=resize:1600x1600/jpeg",
		`{"thumb":"resize:256x256/webp","large":[{"op":"flip"}]}`:                                         "thumb=resize:256x256/webp|large=flip",
		`[{"name":"thumb","pipeline":"resize:256x256/webp"},{"name":"large","pipeline":[{"op":"flip"}]}]`: "thumb=resize:256x256/webp|large=flip",
		"a=text:x%7Cy": "a=text:x%7Cy",
	} {
		s, p := post(t, url.Values{"outputs": {text}, "pipeline": {"orient"}}, nil)
		if p.Code != "" || pipeline.OutputsText(s.Outputs) != want || s.Pipeline.String() != "orient" {
			t.Errorf("%s is taken for %+v, %+v", text, s, p)
		}
	}
}

func TestRefusedParameters(t *testing.T) {
	for query, want := range map[string]struct{ code, detail string }{
		"outputs=":                     {"invalid-pipeline", `output 1: "" is no output`},
		"outputs=a%3Dflip|b%3Dflip/RO": {"invalid-pipeline", `output "b": at character 6: unknown operation "RO"`},
		"outputs=Thumb%3Dflip":         {"invalid-pipeline", `output 1: "Thumb" is no name`},
		"partial=perhaps":              {"invalid-parameter", "partial is true or false"},
		"pipeline=":                    {"invalid-pipeline", "at character 1"},
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if s, p := post(t, q, nil); p.Status != 400 || p.Code != want.code || !strings.Contains(p.Detail, want.detail) {
			t.Errorf("%s: %+v, %+v", query, s, p)
		}
	}
	for query, want := range map[string]bool{"": false, "partial": true, "partial=": true, "partial=1": true, "partial=true": true, "partial=false": false} {
		q, _ := url.ParseQuery(query)
		if s, p := post(t, q, nil); p.Code != "" || s.Partial != want {
			t.Errorf("%q: %+v, %+v", query, s, p)
		}
	}
}

// shelf has the results of one task, each its name.
type shelf struct{ *book }

func (shelf) Result(_ context.Context, ref lab.Ref, output string) (lab.Result, error) {
	id := ref.ID
	return lab.Result{
		Output: output, ContentType: "image/webp", Size: int64(len(id)), SHA256: strings.Repeat("0", 64), Modified: time.Unix(1, 0),
		Open: func(context.Context, int64, int64) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(id)), nil
		},
	}, nil
}

func TestDownloadsAreNamedByTheirOutput(t *testing.T) {
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	labhttp.RouteCustomers(rt, shelf{&book{}}, labhttp.MasterPaths)
	for query, want := range map[string]struct{ output, disposition string }{
		"id=a&output=thumb&download": {"thumb", `attachment; filename="a-thumb.webp"`},
		"id=a&output=thumb":          {"thumb", ""},
		"id=a&download":              {"", `attachment; filename="a.webp"`},
	} {
		w := httptest.NewRecorder()
		rt.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/get?"+query, nil))
		if got := w.Result().Header; w.Code != 200 || got.Get("Minilab-Output") != want.output || got.Get("Content-Disposition") != want.disposition {
			t.Errorf("%s: %d %v", query, w.Code, got)
		}
	}
}

// TestAnOutputThatWasNotAskedFor is not taken for it.
func TestAnOutputThatWasNotAskedFor(t *testing.T) {
	for _, name := range []string{"other", `"; x="`, ""} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for header, value := range map[string]string{"Minilab-Output": name, "Repr-Digest": "sha-256=:" + strings.Repeat("A", 43) + "=:", "Last-Modified": "Thu, 01 Jan 1970 00:00:01 GMT"} {
				w.Header().Set(header, value)
			}
			_, _ = io.WriteString(w, "x")
		}))
		l := labhttp.NewClient(httpx.NewClient(srv.URL, httpx.NewTransport()))
		if res, err := l.Result(t.Context(), lab.Ref{ID: "a"}, "thumb"); err == nil {
			t.Errorf("the output %q is taken for %+v", name, res)
		}
		srv.Close()
	}
}
