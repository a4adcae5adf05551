// Package labtest is the suite that every lab.Lab passes, the master as well
// as the client at the other end of the wire.
package labtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
)

// Fixture is a lab with what lies behind it.
type Fixture struct {
	Lab     lab.Lab
	Storage storage.Store // where workers read and write
	Presets kv.Store
}

// Run runs the suite; open makes an empty lab.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Fixture){
		"the whole job": testWholeJob,
		"an ID comes after the bytes are durable":   testDurable,
		"no bytes, no task":                         testEmpty,
		"a cut body leaves nothing":                 testCut,
		"pipelines and presets":                     testPipelines,
		"presets with outputs":                      testPresets,
		"versions of a preset":                      testPresetVersions,
		"a preset that changes":                     testPresetChanges,
		"a preset that cannot be used":              testBrokenPreset,
		"images that are kept to be laid over":      testKeptImages,
		"images of tasks, to be laid over":          testImagesOfTasks,
		"so many further images and no more":        testManyImages,
		"limits of a submission":                    testSubmissionLimits,
		"several outputs, picked up by name":        testOutputs,
		"one output, with and without a name":       testOneOutput,
		"what is left open is filled in":            testSettled,
		"outputs that cannot be are refused":        testRefusedOutputs,
		"the largest submission there is":           testLargestSubmission,
		"unknown and malformed IDs are not found":   testNotFound,
		"what a customer is told of a task":         testTask,
		"a task is its owner's":                     testOwners,
		"tasks are listed page by page":             testListTasks,
		"tasks are canceled and done again":         testMoves,
		"a deleted task leaves no bytes":            testDelete,
		"a submission can be repeated":              testIdempotency,
		"results are used again":                    testReuse,
		"what there is to be seen of the lab":       testBoard,
		"a wait ends when the task does":            testWaitWakes,
		"a wait ends when its time is over":         testWaitTimesOut,
		"a wait ends with its context":              testWaitCanceled,
		"a result can be read in parts":             testParts,
		"outputs are believed only as they lie":     testLiars,
		"the same report again succeeds":            testRepeatedFinish,
		"a lease that is not current is lost":       testLostLease,
		"released work goes to another attempt":     testRelease,
		"a failure of the image is final":           testFinalFailure,
		"a failure of ours is tried again":          testRetriedFailure,
		"a repeated request gives the same leases":  testRepeatedRequest,
		"a claim waits for work":                    testClaimWaits,
		"no work is an empty list":                  testNoWork,
		"a claim gives as many as asked for":        testClaimMany,
		"work is never handed out to two at a time": testNeverTwice,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

const image = "the bytes of a picture"

func submit(t *testing.T, f Fixture, s lab.Submission) string {
	t.Helper()
	s.ContentType, s.Size, s.Fresh = "image/png", int64(len(image)), true
	task, err := f.Lab.Submit(t.Context(), s, strings.NewReader(image))
	if err != nil {
		t.Fatalf("Submit: %v", err)
	}
	return task.ID
}

func claim(t *testing.T, f Fixture) lab.Work {
	t.Helper()
	list, err := f.Lab.Claim(t.Context(), lab.ClaimRequest{Worker: "w", Max: 1, Wait: 10 * time.Second})
	if err != nil || len(list) != 1 {
		t.Fatalf("Claim: %d tasks, %v", len(list), err)
	}
	return list[0]
}

// produce stores an output as the work wants it and gives the report on it.
func produce(t *testing.T, f Fixture, w lab.Work, data string) lab.Report {
	t.Helper()
	key := w.Outputs[0].Key
	_, err := f.Storage.Put(t.Context(), storage.Finished, key, strings.NewReader(data),
		storage.PutOptions{ContentType: "image/png", Size: int64(len(data))})
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	return lab.Report{
		Outputs: []lab.Output{{Key: key, Size: int64(len(data)), SHA256: digest(data), ContentType: "image/png"}},
		Facts:   []byte(`{"width":3}`),
	}
}

func finish(t *testing.T, f Fixture, w lab.Work, data string) {
	t.Helper()
	if err := f.Lab.Finish(t.Context(), w.ID, w.Lease, produce(t, f, w, data)); err != nil {
		t.Fatalf("Finish: %v", err)
	}
}

func digest(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func status(t *testing.T, f Fixture, id string) lab.Task {
	t.Helper()
	st, err := f.Lab.Task(t.Context(), lab.Ref{ID: id}, 0)
	if err != nil {
		t.Fatalf("Status: %v", err)
	}
	return st
}

func want(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: %v, want %v", what, err, target)
	}
}

func testWholeJob(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	if st := status(t, f, id); st.ID != id || st.State.Ended() {
		t.Errorf("status after Submit is %+v", st)
	}
	_, err := f.Lab.Result(t.Context(), lab.Ref{ID: id}, "")
	want(t, "Result before the end", err, lab.ErrNotFinished)

	w := claim(t, f)
	if w.ID != id || w.Lease == "" || w.LeaseSeconds <= 0 || w.DeadlineSeconds < w.LeaseSeconds || w.Pipeline.String() != "swap" {
		t.Errorf("work is %+v", w)
	}
	if w.Source.Size != int64(len(image)) || w.Source.SHA256 != digest(image) || w.Source.ContentType != "image/png" {
		t.Errorf("source is %+v", w.Source)
	}
	if len(w.Outputs) != 1 || !strings.HasPrefix(w.Outputs[0].Key, id+".") {
		t.Errorf("outputs are %+v", w.Outputs)
	}
	if st := status(t, f, id); st.State.Ended() {
		t.Errorf("status at work is %+v", st)
	}
	if err := f.Lab.Heartbeat(t.Context(), id, w.Lease, lab.Beat{Progress: 0.5}); err != nil {
		t.Errorf("Heartbeat: %v", err)
	}
	if st := status(t, f, id); st.Progress != 0.5 {
		t.Errorf("progress is %v", st.Progress)
	}
	finish(t, f, w, "altered")
	if st := status(t, f, id); st.State != lab.Finished || st.Error != nil {
		t.Errorf("status at the end is %+v", st)
	}
	if got := read(t, f, id, 0, 0); got != "altered" {
		t.Errorf("result is %q", got)
	}
}

func read(t *testing.T, f Fixture, id string, offset, length int64) string {
	t.Helper()
	res, err := f.Lab.Result(t.Context(), lab.Ref{ID: id}, "")
	if err != nil {
		t.Fatalf("Result: %v", err)
	}
	if res.ContentType != "image/png" || res.SHA256 != digest("altered") || res.Size != int64(len("altered")) || res.Modified.IsZero() {
		t.Errorf("result is described as %+v", res)
	}
	body, err := res.Open(t.Context(), offset, length)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("reading the result: %v", err)
	}
	return string(data)
}

func testParts(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	finish(t, f, claim(t, f), "altered")
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, 0, "altered"}, {0, 1, "a"}, {2, 3, "ter"}, {6, 1, "d"}, {3, 0, "ered"}, {3, 100, "ered"}} {
		if got := read(t, f, id, c.offset, c.length); got != c.want {
			t.Errorf("%d bytes from %d are %q, want %q", c.length, c.offset, got, c.want)
		}
	}
}

func testDurable(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	w := claim(t, f)
	o, err := f.Storage.Get(t.Context(), storage.InProgress, w.Source.Key, storage.Part{})
	if err != nil {
		t.Fatalf("the bytes of %s are not in the storage: %v", id, err)
	}
	defer o.Body.Close()
	if data, err := io.ReadAll(o.Body); err != nil || string(data) != image {
		t.Errorf("the storage has %q, %v", data, err)
	}
}

func testEmpty(t *testing.T, f Fixture) {
	for _, size := range []int64{0, lab.Unknown} {
		_, err := f.Lab.Submit(t.Context(), lab.Submission{Fresh: true, Size: size}, bytes.NewReader(nil))
		want(t, "Submit of nothing", err, lab.ErrEmpty)
	}
	nothingLeft(t, f)
}

// nothingLeft checks that no bytes and no task came of what was refused.
func nothingLeft(t *testing.T, f Fixture) {
	t.Helper()
	page, err := f.Storage.List(t.Context(), storage.InProgress, "", 0)
	if err != nil || len(page.Infos) != 0 {
		t.Errorf("the storage has %+v, %v", page.Infos, err)
	}
	list, err := f.Lab.Claim(t.Context(), lab.ClaimRequest{Worker: "w"})
	if err != nil || len(list) != 0 {
		t.Errorf("there is work: %+v, %v", list, err)
	}
}

// cutReader fails after its text.
type cutReader struct {
	text io.Reader
	err  error
}

func (c cutReader) Read(p []byte) (int, error) {
	n, err := c.text.Read(p)
	if errors.Is(err, io.EOF) {
		err = c.err
	}
	return n, err
}

func testCut(t *testing.T, f Fixture) {
	cut := errors.New("the cable was pulled")
	for _, size := range []int64{lab.Unknown, 1 << 20} {
		for _, length := range []int{0, 10, 200 << 10} {
			body := cutReader{strings.NewReader(strings.Repeat("x", length)), cut}
			_, err := f.Lab.Submit(t.Context(), lab.Submission{Fresh: true, Size: size}, body)
			if err == nil {
				t.Errorf("a body cut after %d of %d bytes was taken in", length, size)
			}
		}
	}
	_, err := f.Lab.Submit(t.Context(), lab.Submission{Fresh: true, Size: 100}, strings.NewReader(image))
	want(t, "Submit of less than announced", err, lab.ErrCut)
	nothingLeft(t, f)
}

func testPipelines(t *testing.T, f Fixture) {
	p, err := pipeline.Parse("swap:grb")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Presets.Put(t.Context(), "presets/odd", []byte("swap:rbg"), kv.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]lab.Submission{
		"swap": {}, "swap:grb": {Pipeline: p}, "swap:rbg": {Preset: "odd"},
	} {
		submit(t, f, s)
		if w := claim(t, f); w.Pipeline.String() != want {
			t.Errorf("pipeline is %q, want %q", w.Pipeline, want)
		}
	}
	_, err = f.Lab.Submit(t.Context(), lab.Submission{Fresh: true, Preset: "none", Size: lab.Unknown}, strings.NewReader(image))
	want(t, "Submit with an unknown preset", err, lab.ErrPreset)
}

func testSubmissionLimits(t *testing.T, f Fixture) {
	for what, s := range map[string]lab.Submission{
		"too many tags": {Tags: make([]string, 100)},
		"a long tag":    {Tags: []string{strings.Repeat("x", 1000)}},
		"a long owner":  {Owner: strings.Repeat("x", 1000)},
	} {
		s.Size = lab.Unknown
		if _, err := f.Lab.Submit(t.Context(), s, strings.NewReader(image)); err == nil {
			t.Errorf("%s: taken in", what)
		}
	}
	nothingLeft(t, f)
}

func testNotFound(t *testing.T, f Fixture) {
	for _, id := range []string{
		"", "unknown", "0198c0de-0000-7000-8000-000000000000", "UPPER", "../x", "finished", "a b", "ü", strings.Repeat("a", 65), "a\x00b",
	} {
		_, err := f.Lab.Task(t.Context(), lab.Ref{ID: id}, 0)
		want(t, "Status of "+id, err, lab.ErrNotFound)
		_, err = f.Lab.Task(t.Context(), lab.Ref{ID: id}, time.Second)
		want(t, "waiting Status of "+id, err, lab.ErrNotFound)
		_, err = f.Lab.Result(t.Context(), lab.Ref{ID: id}, "")
		want(t, "Result of "+id, err, lab.ErrNotFound)
	}
}

func testWaitWakes(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	w := claim(t, f)
	got := make(chan lab.Task)
	for range 3 {
		go func() {
			st, err := f.Lab.Task(t.Context(), lab.Ref{ID: id}, lab.MaxWait)
			if err != nil {
				t.Errorf("Status: %v", err)
			}
			got <- st
		}()
	}
	finish(t, f, w, "altered")
	for range 3 {
		if st := <-got; st.State != lab.Finished {
			t.Errorf("a waiter was told %+v", st)
		}
	}
}

func testWaitTimesOut(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	start := time.Now()
	st, err := f.Lab.Task(t.Context(), lab.Ref{ID: id}, 50*time.Millisecond)
	if err != nil || st.State.Ended() || time.Since(start) < 50*time.Millisecond {
		t.Errorf("after %v: %+v, %v", time.Since(start), st, err)
	}
}

func testWaitCanceled(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := f.Lab.Task(ctx, lab.Ref{ID: id}, lab.MaxWait)
		done <- err
	}()
	cancel()
	want(t, "a canceled wait", <-done, context.Canceled)
}
