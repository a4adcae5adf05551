package labtest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
)

func parse(t *testing.T, text string) pipeline.Pipeline {
	t.Helper()
	if text == "" {
		return nil
	}
	p, err := pipeline.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parseOutputs(t *testing.T, text string) []pipeline.Named {
	t.Helper()
	if text == "" {
		return nil
	}
	list, err := pipeline.ParseOutputs(text)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// asked is what work asks for: its pipeline, and behind a bar its outputs.
func asked(w lab.Work) string {
	list := make([]pipeline.Named, len(w.Outputs))
	for i, o := range w.Outputs {
		list[i] = pipeline.Named{Name: o.Name, Pipeline: o.Pipeline}
	}
	return w.Pipeline.String() + "|" + pipeline.OutputsText(list)
}

// produceAll stores every output, its name as its bytes.
func produceAll(t *testing.T, f Fixture, w lab.Work) lab.Report {
	t.Helper()
	r := lab.Report{Facts: []byte(`{"width":4000,"outputs":[{"name":"thumb","width":256,"height":171}]}`)}
	for _, o := range w.Outputs {
		info, err := f.Storage.Put(t.Context(), storage.Finished, o.Key, strings.NewReader(o.Name),
			storage.PutOptions{ContentType: "image/webp", Size: int64(len(o.Name))})
		if err != nil {
			t.Fatal(err)
		}
		r.Outputs = append(r.Outputs, lab.Output{Name: o.Name, Key: o.Key, Size: info.Size, SHA256: info.SHA256, ContentType: "image/webp"})
	}
	return r
}

func testOutputs(t *testing.T, f Fixture) {
	outputs := parseOutputs(t, "large=resize:1600x1600/jpeg:80|thumb=resize:256x256/webp")
	id := submit(t, f, lab.Submission{Pipeline: parse(t, "swap"), Outputs: outputs})
	w := claim(t, f)
	if got, want := asked(w), "swap|large=resize:1600x1600/jpeg|thumb=resize:256x256/webp"; got != want {
		t.Errorf("the work is %q, want %q", got, want)
	}
	if w.Outputs[0].Key == w.Outputs[1].Key {
		t.Errorf("two outputs have one key: %+v", w.Outputs)
	}
	_, err := f.Lab.Result(t.Context(), lab.Ref{ID: id}, "thumb")
	want(t, "Result before the end", err, lab.ErrNotFinished)
	noOutput(t, f, id, "tumb", "large, thumb")
	r := produceAll(t, f, w)
	want(t, "Finish with one of two", f.Lab.Finish(t.Context(), id, w.Lease, lab.Report{Outputs: r.Outputs[:1]}), lab.ErrOutput)
	if err := f.Lab.Finish(t.Context(), id, w.Lease, r); err != nil {
		t.Fatalf("Finish: %v", err)
	}
	for asked, name := range map[string]string{"": "large", "large": "large", "thumb": "thumb"} {
		if got := named(t, f, id, asked); got != name {
			t.Errorf("the output %q is %q", asked, got)
		}
	}
	noOutput(t, f, id, "Large", "large, thumb")
	told(t, f, id)
}

// noOutput checks that a name which is not there is answered with those that are.
func noOutput(t *testing.T, f Fixture, id, name, names string) {
	t.Helper()
	_, err := f.Lab.Result(t.Context(), lab.Ref{ID: id}, name)
	want(t, "Result of "+name, err, lab.ErrOutputName)
	if detail := fault.From(err).Detail; !strings.HasSuffix(detail, names) {
		t.Errorf("the detail is %q", detail)
	}
}

// named reads an output whose bytes are its name.
func named(t *testing.T, f Fixture, id, output string) string {
	t.Helper()
	res, err := f.Lab.Result(t.Context(), lab.Ref{ID: id}, output)
	if err != nil {
		t.Fatalf("Result of %q: %v", output, err)
	}
	body, err := res.Open(t.Context(), 0, 0)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil || res.Output != string(data) || res.SHA256 != digest(string(data)) || res.ContentType != "image/webp" {
		t.Errorf("%q is described as %+v, %v", data, res, err)
	}
	return string(data)
}

// told checks what the status of the finished task tells of its results.
func told(t *testing.T, f Fixture, id string) {
	t.Helper()
	st := status(t, f, id)
	made := []lab.Made{
		{Name: "large", Pipeline: "resize:1600x1600/jpeg", Photo: lab.Photo{ContentType: "image/webp", Size: 5, SHA256: digest("large")}},
		{Name: "thumb", Pipeline: "resize:256x256/webp", Photo: lab.Photo{ContentType: "image/webp", Size: 5, SHA256: digest("thumb")}, Width: 256, Height: 171},
	}
	if fmt.Sprint(st.Outputs) != fmt.Sprint(made) || !strings.Contains(string(st.Facts), `"width":4000`) {
		t.Errorf("the status is %+v, want %+v", st, made)
	}
}

func testOneOutput(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	noOutput(t, f, id, "thumb", "the task has one output, which has no name")
	if st := status(t, f, id); len(st.Outputs) != 1 || st.Outputs[0] != (lab.Made{}) || st.Facts != nil {
		t.Errorf("the status before the end is %+v", st)
	}
	finish(t, f, claim(t, f), "altered")
	st := status(t, f, id)
	if want := []lab.Made{{Photo: lab.Photo{ContentType: "image/png", Size: 7, SHA256: digest("altered")}}}; fmt.Sprint(st.Outputs) != fmt.Sprint(want) {
		t.Errorf("the status is %+v, want %+v", st, want)
	}
	id = submit(t, f, lab.Submission{Outputs: parseOutputs(t, "only=flip")})
	if w := claim(t, f); w.ID != id || asked(w) != "|only=flip" || !strings.HasSuffix(w.Outputs[0].Key, ".only") {
		t.Errorf("the work is %+v", w)
	}
}

// testSettled: what a submission leaves open is filled in when it is made.
func testSettled(t *testing.T, f Fixture) {
	for _, c := range []struct {
		pipeline, outputs, accept string
		partial                   bool
		want                      string
	}{
		{"", "", "", false, "swap|="},
		{"", "", "", true, "partial/swap|="},
		{"page:2/flip", "", "", true, "partial/page:2/flip|="},
		{"page:2/partial/flip", "", "", true, "page:2/partial/flip|="},
		{"", "a=flip|b=partial/webp", "", true, "partial|a=flip|b=webp"},
		{"", "a=flip|b=partial/webp", "", false, "|a=flip|b=partial/webp"},
		{"flip", "as-is=|b=webp", "", false, "flip|as-is=|b=webp"},
		{"flip/auto", "", "avif,webp", false, "flip/auto:accept=avif,webp|="},
		{"auto:accept=webp", "", "avif", false, "auto:accept=webp|="},
		{"flip", "a=auto|b=auto:50:avif|c=webp", "webp", false, "flip|a=auto:accept=webp|b=auto:50:avif|c=webp"},
		{"auto", "", "", false, "auto|="},
	} {
		submit(t, f, lab.Submission{Pipeline: parse(t, c.pipeline), Outputs: parseOutputs(t, c.outputs), Accept: c.accept, Partial: c.partial})
		if got := asked(claim(t, f)); got != c.want {
			t.Errorf("%+v became %q", c, got)
		}
	}
}

func testRefusedOutputs(t *testing.T, f Fixture) {
	long := strings.Repeat("swap:rbg/", 60)
	for text, s := range map[string]lab.Submission{
		`output "b": at operation 2: flip comes after webp`:    {Pipeline: parse(t, "webp"), Outputs: parseOutputs(t, "a=|b=flip")},
		`output "a": at operation 2: page chooses what of the`: {Pipeline: parse(t, "flip"), Outputs: parseOutputs(t, "a=page:2")},
		`output "b": at operation 65: a pipeline has at most`:  {Pipeline: parse(t, long+"flip"), Outputs: parseOutputs(t, "a=flip|b=flip/flip/flip/flip")},
		"at least one operation":                               {Outputs: parseOutputs(t, "a=")},
		"output 2: there is another one with the name":         {Outputs: []pipeline.Named{{Name: "a", Pipeline: pipeline.Default()}, {Name: "a", Pipeline: pipeline.Default()}}},
		`output 1: "A" is no name`:                             {Outputs: []pipeline.Named{{Name: "A", Pipeline: pipeline.Default()}}},
		"a preset, or a pipeline and outputs, not both":        {Preset: "a", Outputs: parseOutputs(t, "a=flip")},
		"has a preset, or a pipeline":                          {Preset: "a", Pipeline: pipeline.Default()},
		`a tag does not begin with "preset:"`:                  {Tags: []string{"x", "preset:a"}},
		"at most 8192 bytes together, got":                     {Pipeline: parse(t, longText), Outputs: parseOutputs(t, "a="+longText)},
	} {
		s.Size = lab.Unknown
		_, err := f.Lab.Submit(t.Context(), s, strings.NewReader(image))
		if err == nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
		if strings.HasPrefix(text, "output ") && !errors.Is(err, pipeline.ErrInvalid) {
			t.Errorf("%v is not of the pipeline", err)
		}
	}
	nothingLeft(t, f)
}

// longText is a pipeline of more than half of the bytes that there may be.
var longText = "text:" + strings.Repeat("x", 1900) + "/text:" + strings.Repeat("y", 1900) + "/text:" + strings.Repeat("z", 500)

// testLargestSubmission: what is within the limits passes, whatever it is made of.
func testLargestSubmission(t *testing.T, f Fixture) {
	var items []string
	for i := range pipeline.MaxOutputs {
		items = append(items, fmt.Sprintf("%02d%s=text:%s", i, strings.Repeat("n", 62), strings.Repeat("ä", 200)))
	}
	id := submit(t, f, lab.Submission{Outputs: parseOutputs(t, strings.Join(items, "|"))})
	w := claim(t, f)
	if err := f.Lab.Finish(t.Context(), id, w.Lease, produceAll(t, f, w)); err != nil {
		t.Fatalf("Finish: %v", err)
	}
	if st := status(t, f, id); len(st.Outputs) != pipeline.MaxOutputs {
		t.Errorf("the status is %+v", st)
	}
	last := w.Outputs[pipeline.MaxOutputs-1].Name
	if got := named(t, f, id, last); got != last {
		t.Errorf("the last output is %q", got)
	}
	two := strings.Split(longText, "/")
	submit(t, f, lab.Submission{Pipeline: parse(t, longText), Outputs: parseOutputs(t, "a="+two[0]+"|b="+two[2])})
	if w := claim(t, f); asked(w) != longText+"|a="+two[0]+"|b="+two[2] {
		t.Errorf("the work is %q", asked(w))
	}
}
