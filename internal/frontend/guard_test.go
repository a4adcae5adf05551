package frontend_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"minilab/internal/fault"
	"minilab/internal/frontend"
	"minilab/internal/imagehead"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
)

// recorder is a lab that keeps what a whole submission brought.
type recorder struct {
	lab.Customers // what is passed through

	asked int // how often Submit was called
	kept  []byte
	got   lab.Submission
	hide  bool // it reports a defect of its own instead of the body's error
}

func (r *recorder) Submit(_ context.Context, s lab.Submission, body io.Reader) (lab.Task, error) {
	r.asked++
	b, err := io.ReadAll(body)
	switch {
	case err != nil && r.hide:
		return lab.Task{}, errors.New("upstream broke")
	case err != nil:
		return lab.Task{}, err
	}
	r.kept, r.got = b, s
	return lab.Task{ID: "id-1"}, nil
}

func (r *recorder) Task(_ context.Context, ref lab.Ref, wait time.Duration) (lab.Task, error) {
	return lab.Task{ID: ref.ID, State: lab.Finished, Progress: wait.Seconds()}, nil
}

func (r *recorder) Result(_ context.Context, ref lab.Ref, _ string) (lab.Result, error) {
	return lab.Result{ContentType: ref.ID}, nil
}

// noise is a PNG that does not compress.
func noise(t testing.TB, width, height int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = byte(random.Uint32())
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var roomy = frontend.Limits{MaxBytes: 100 << 20, MaxPixels: 1 << 20}

func TestGuardHandsTheWholeImageOn(t *testing.T) {
	picture := noise(t, 400, 300)
	for name, size := range map[string]int64{"announced": int64(len(picture)), "unannounced": lab.Unknown} {
		next := &recorder{}
		want := lab.Submission{Owner: "o", Pipeline: pipeline.Default(), Tags: []string{"t"}, Size: size}
		s := want
		s.ContentType = "text/html"
		task, err := frontend.Guard(next, roomy, nil).Submit(t.Context(), s, iotest.HalfReader(bytes.NewReader(picture)))
		if err != nil || task.ID != "id-1" || !bytes.Equal(next.kept, picture) {
			t.Fatalf("%s: got %q, %v, %d of %d bytes", name, task.ID, err, len(next.kept), len(picture))
		}
		if next.got.ContentType != "image/png" {
			t.Errorf("%s: the type is %q", name, next.got.ContentType)
		}
		if next.got.Owner != "o" || next.got.Size != size || len(next.got.Tags) != 1 || next.got.Pipeline.String() != "swap" {
			t.Errorf("%s: the submission became %+v", name, next.got)
		}
	}
}

func TestGuardRefusesBeforeAnybodyIsAsked(t *testing.T) {
	picture := noise(t, 100, 100)
	tests := map[string]struct {
		body   string
		size   int64
		limits frontend.Limits
		want   error
		says   string
	}{
		"empty":                  {"", lab.Unknown, roomy, lab.ErrEmpty, ""},
		"empty, announced":       {"", 0, roomy, lab.ErrEmpty, ""},
		"text":                   {"dear lab, here is my photo", lab.Unknown, roomy, imagehead.ErrNotImage, "JPEG, PNG"},
		"cut in its header":      {string(picture[:20]), 20, roomy, imagehead.ErrBroken, "PNG"},
		"a pixel too many":       {string(picture), lab.Unknown, frontend.Limits{MaxBytes: 1 << 20, MaxPixels: 9999}, imagehead.ErrTooManyPixels, "100 × 100"},
		"a frame too many":       {animated(picture, 5), lab.Unknown, frontend.Limits{MaxBytes: 1 << 20, MaxPixels: 1 << 20, MaxFrames: 4}, imagehead.ErrTooManyPixels, "5 frames"},
		"a byte too many, known": {string(picture), int64(len(picture)), frontend.Limits{MaxBytes: int64(len(picture)) - 1, MaxPixels: 1 << 20}, fault.ErrTooLarge, "bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			next := &recorder{}
			s := lab.Submission{Size: tt.size}
			_, err := frontend.Guard(next, tt.limits, nil).Submit(t.Context(), s, strings.NewReader(tt.body))
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if next.asked != 0 {
				t.Error("the image was handed on")
			}
		})
	}
}

// animated is a PNG whose head says that it has so many frames.
func animated(picture []byte, frames byte) string {
	const header = 8 + 12 + 13 // signature and IHDR
	control := "\x00\x00\x00\x08acTL\x00\x00\x00" + string(frames) + "\x00\x00\x00\x00\x00\x00\x00\x00"
	return string(picture[:header]) + control + string(picture[header:])
}

func TestGuardDoesNotReadWhatIsAnnouncedAsTooLarge(t *testing.T) {
	read := iotest.ErrReader(errors.New("was read"))
	_, err := frontend.Guard(&recorder{}, roomy, nil).Submit(t.Context(), lab.Submission{Size: roomy.MaxBytes + 1}, read)
	if !errors.Is(err, fault.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestGuardTakesExactlyTheLimits(t *testing.T) {
	picture := noise(t, 100, 100)
	next := &recorder{}
	exact := frontend.Limits{MaxBytes: int64(len(picture)), MaxPixels: 10000}
	if _, err := frontend.Guard(next, exact, nil).Submit(t.Context(), lab.Submission{Size: lab.Unknown}, bytes.NewReader(picture)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(next.kept, picture) {
		t.Errorf("kept %d of %d bytes", len(next.kept), len(picture))
	}
}

// A body of unknown length that turns out too long fails on its way, and the
// lab that was taking it in keeps nothing.
func TestGuardAbortsWhatGrowsTooLarge(t *testing.T) {
	picture := noise(t, 300, 300)
	for _, hide := range []bool{false, true} {
		next := &recorder{hide: hide}
		limits := frontend.Limits{MaxBytes: int64(len(picture)) - 1, MaxPixels: 1 << 20}
		_, err := frontend.Guard(next, limits, nil).Submit(t.Context(), lab.Submission{Size: lab.Unknown}, bytes.NewReader(picture))
		if !errors.Is(err, fault.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
		if next.asked != 1 || next.kept != nil {
			t.Errorf("asked %d times, kept %d bytes", next.asked, len(next.kept))
		}
	}
}

func TestGuardPassesABodysErrorOn(t *testing.T) {
	picture := noise(t, 300, 300)
	cut := errors.New("connection reset")
	for _, after := range []int{0, 10, 1000, 200_000} {
		next := &recorder{}
		body := io.MultiReader(bytes.NewReader(picture[:after]), iotest.ErrReader(cut))
		_, err := frontend.Guard(next, roomy, nil).Submit(t.Context(), lab.Submission{Size: lab.Unknown}, body)
		if !errors.Is(err, cut) || next.kept != nil {
			t.Errorf("cut after %d bytes: got %v, kept %d bytes", after, err, len(next.kept))
		}
	}
}

func TestGuardPassesTheRestThrough(t *testing.T) {
	g := frontend.Guard(&recorder{}, roomy, nil)
	if st, err := g.Task(t.Context(), lab.Ref{ID: "x"}, time.Second); err != nil || st.ID != "x" || st.Progress != 1 {
		t.Errorf("Status: %+v, %v", st, err)
	}
	if res, err := g.Result(t.Context(), lab.Ref{ID: "x"}, ""); err != nil || res.ContentType != "x" {
		t.Errorf("Result: %+v, %v", res, err)
	}
}

func TestWhatMayBeAskedFor(t *testing.T) {
	p, err := pipeline.Parse("flip/extend:1001x1000")
	if err != nil {
		t.Fatal(err)
	}
	two := []pipeline.Named{{Name: "a", Pipeline: pipeline.Default()}, {Name: "b", Pipeline: pipeline.Default()}}
	free := frontend.Limits{MaxBytes: roomy.MaxBytes, MaxPixels: 1_000_000, MaxOutputs: 1}
	closed := frontend.Limits{MaxBytes: roomy.MaxBytes, MaxPixels: 1_000_000, PresetsOnly: true}
	for name, c := range map[string]struct {
		limits frontend.Limits
		s      lab.Submission
		code   string
	}{
		"nothing":                       {free, lab.Submission{}, ""},
		"one output":                    {free, lab.Submission{Outputs: two[:1]}, ""},
		"two outputs of one":            {free, lab.Submission{Outputs: two}, "invalid-pipeline"},
		"more pixels than may be":       {free, lab.Submission{Pipeline: p}, "invalid-pipeline"},
		"more pixels in an output":      {free, lab.Submission{Outputs: []pipeline.Named{{Name: "a", Pipeline: p}}}, "invalid-pipeline"},
		"a preset and a pipeline":       {free, lab.Submission{Preset: "p", Pipeline: pipeline.Default()}, "invalid-submission"},
		"a preset":                      {closed, lab.Submission{Preset: "p", Partial: true, Accept: "webp"}, ""},
		"no preset":                     {closed, lab.Submission{}, "presets-only"},
		"a pipeline instead of presets": {closed, lab.Submission{Pipeline: pipeline.Default()}, "presets-only"},
		"outputs instead of presets":    {closed, lab.Submission{Outputs: two}, "presets-only"},
		"a pipeline beside a preset":    {closed, lab.Submission{Preset: "p", Pipeline: pipeline.Default()}, "presets-only"},
	} {
		next := &recorder{}
		c.s.Size = lab.Unknown
		body := &counting{r: bytes.NewReader(noise(t, 20, 10))}
		_, err := frontend.Guard(next, c.limits, nil).Submit(t.Context(), c.s, body)
		if c.code == "" && err != nil || c.code != "" && (err == nil || fault.From(err).Code != c.code || body.n > 0 || next.asked > 0) {
			t.Errorf("%s: %v after %d bytes, want %q", name, err, body.n, c.code)
		}
	}
}

// counting counts what is read.
type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}
