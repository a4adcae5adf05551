package labtest

import (
	"fmt"
	"strings"
	"testing"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
)

// refuse wants a submission refused because of an image that it asks for.
func refuse(t *testing.T, f Fixture, s lab.Submission, saying ...string) {
	t.Helper()
	s.Size = int64(len(image))
	_, err := f.Lab.Submit(t.Context(), s, strings.NewReader(image))
	want(t, "Submit", err, lab.ErrReference)
	for _, part := range saying {
		if detail := fault.From(err).Detail; !strings.Contains(detail, part) {
			t.Errorf("the fault is %q, want %q in it", detail, part)
		}
	}
}

func testKeptImages(t *testing.T, f Fixture) {
	refuse(t, f, lab.Submission{Pipeline: parse(t, "invert/watermark:logos%2Fsmall.png")}, "at operation 2", "watermark", `"logos/small.png"`, "watermarks/")
	refuse(t, f, lab.Submission{Outputs: []pipeline.Named{{Name: "a", Pipeline: parse(t, "flip")}, {Name: "b", Pipeline: parse(t, "watermark:none")}}}, `output "b": at operation 1`)
	for _, name := range []string{"..", "a//b", "./a", "a/.."} {
		refuse(t, f, lab.Submission{Pipeline: parse(t, "watermark:"+strings.ReplaceAll(name, "/", "%2F"))}, name)
	}
	if list, err := f.Lab.Claim(t.Context(), lab.ClaimRequest{Worker: "w"}); err != nil || len(list) > 0 {
		t.Errorf("refused submissions made %d tasks, %v", len(list), err)
	}
	if _, _, err := f.Presets.Put(t.Context(), "watermarks/logos/small.png", []byte("a logo"), kv.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	submit(t, f, lab.Submission{Outputs: []pipeline.Named{
		{Name: "a", Pipeline: parse(t, "watermark:logos%2Fsmall.png/flip/watermark:logos%2Fsmall.png:north")},
		{Name: "b", Pipeline: parse(t, "watermark:logos%2Fsmall.png:south")},
	}})
	got := claim(t, f).Attachments
	if len(got) != 1 || got[0].Name != "logos/small.png" || got[0].Entry != "watermarks/logos/small.png" || got[0].Key != "" ||
		!strings.HasSuffix(got[0].URL, "/kv/watermarks%2Flogos%2Fsmall.png") {
		t.Errorf("attachments are %+v", got)
	}
}

func testImagesOfTasks(t *testing.T, f Fixture) {
	mine := lab.Submission{Owner: "alice", Outputs: []pipeline.Named{{Name: "thumb", Pipeline: parse(t, "flip")}, {Name: "large", Pipeline: parse(t, "flop")}}}
	id := submit(t, f, mine)
	asks := func(owner, name string) lab.Submission {
		return lab.Submission{Owner: owner, Pipeline: parse(t, "watermark:"+strings.ReplaceAll(name, "/", "%2F"))}
	}
	refuse(t, f, asks("alice", id), "has not finished")
	w := claim(t, f)
	var report lab.Report
	for i := range w.Outputs {
		one := w
		one.Outputs = w.Outputs[i:]
		made := produce(t, f, one, fmt.Sprintf("result %d", i)).Outputs[0]
		made.Name = w.Outputs[i].Name
		report.Outputs = append(report.Outputs, made)
	}
	if err := f.Lab.Finish(t.Context(), w.ID, w.Lease, report); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{id, id + "/large"} {
		submit(t, f, asks("alice", name))
		got := claim(t, f).Attachments
		if len(got) != 1 || got[0].Name != name || got[0].Key != w.Outputs[i].Key || got[0].Size != 8 || got[0].ContentType != "image/png" ||
			got[0].SHA256 != digest(fmt.Sprintf("result %d", i)) || !strings.HasSuffix(got[0].URL, "/images/finished/"+got[0].Key) {
			t.Errorf("attachments are %+v", got)
		}
	}
	refuse(t, f, asks("alice", id+"/small"), "thumb, large")
	refuse(t, f, asks("alice", id+"/"))
	const nobody = "01920000-0000-7000-8000-000000000000"
	refuse(t, f, asks("alice", nobody), "there is no task "+nobody)
	for _, stranger := range []string{"", "bob"} { // is told what is told of no task at all
		refuse(t, f, asks(stranger, id), "there is no task "+id)
		refuse(t, f, asks(stranger, id+"/large"), "there is no task "+id)
		refuse(t, f, asks(stranger, id+"/small"), "there is no task "+id)
	}
}

func testManyImages(t *testing.T, f Fixture) {
	var steps []string
	for i := range lab.MaxAttachments + 1 {
		name := fmt.Sprint("logo", i)
		steps = append(steps, "watermark:"+strings.ReplaceAll(name, "/", "%2F"))
		if _, _, err := f.Presets.Put(t.Context(), lab.WatermarkPrefix+name, []byte("a logo"), kv.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	refuse(t, f, lab.Submission{Pipeline: parse(t, strings.Join(steps, "/"))}, "at operation 17", "at most 16")
	submit(t, f, lab.Submission{Pipeline: parse(t, strings.Join(steps[1:], "/"))})
	if n := len(claim(t, f).Attachments); n != lab.MaxAttachments {
		t.Errorf("there are %d attachments", n)
	}
}
