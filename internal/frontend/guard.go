package frontend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"

	"minilab/internal/fault"
	"minilab/internal/imagehead"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
)

// Limits are what one image may have.
type Limits struct {
	MaxBytes   int64 // as it is sent
	MaxPixels  int64 // of all its frames and pages together, as far as its head tells; and of what an operation makes whatever the image
	MaxFrames  int   // of an animation; 0: imagehead.MaxFrames
	MaxPages   int   // of a document; 0: imagehead.MaxFrames
	MaxOutputs int   // results of one image; 0: pipeline.MaxOutputs

	PresetsOnly bool // what is done is a preset, and nothing else
}

// errPresetsOnly refuses what is not a preset where only presets are taken.
var errPresetsOnly = fault.New(fault.Forbidden, "presets-only", "only presets are taken here")

// Guard judges images before they are handed on: what is no image, or over a
// limit, is refused by its first bytes, and the type is what these bytes say,
// whatever the customer called it. So are operations that resolve, which may be
// nil, does not know.
func Guard(next lab.Customers, limits Limits, resolve func(context.Context, lab.Submission) error) lab.Customers {
	return guard{Customers: next, limits: limits, resolve: resolve}
}

type guard struct {
	lab.Customers
	limits  Limits
	resolve func(context.Context, lab.Submission) error
}

// Submit implements lab.Customers.
func (g guard) Submit(ctx context.Context, s lab.Submission, body io.Reader) (lab.Task, error) {
	if err := g.permit(ctx, s); err != nil {
		return lab.Task{}, err
	}
	if s.Size > g.limits.MaxBytes {
		return lab.Task{}, tooLarge(g.limits.MaxBytes)
	}
	if s.IdempotencyKey != "" {
		s.IdempotencyKey, s.KeyOf = distinct(s.KeyOf, s.IdempotencyKey), ""
	}
	capped := &cappedReader{r: body, left: g.limits.MaxBytes, limit: g.limits.MaxBytes}
	head, err := g.judge(&s, capped)
	if err != nil {
		return lab.Task{}, err
	}
	t, err := g.Customers.Submit(ctx, s, io.MultiReader(bytes.NewReader(head), capped))
	if capped.over != nil {
		return lab.Task{}, capped.over // whatever became of this reason on its way
	}
	return t, err
}

// distinct is a key that no other key is, and no key of something else: what a
// customer calls a request is never what an upload, a link or another image of a
// form is called. It is as long whatever the key.
func distinct(of, key string) string {
	sum := sha256.Sum256([]byte(of + "\n" + key)) // neither has a line's end
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// permit judges what is asked for.
func (g guard) permit(ctx context.Context, s lab.Submission) error {
	if g.limits.PresetsOnly && (s.Preset == "" || len(s.Pipeline)+len(s.Outputs) > 0) {
		return errPresetsOnly.Detailf("name a preset with preset=NAME, and no pipeline or outputs")
	}
	if err := s.Check(lab.Limits{MaxOutputs: g.limits.MaxOutputs, MaxPixels: g.limits.MaxPixels}); err != nil || g.resolve == nil {
		return err
	}
	if err := g.resolve(ctx, s); errors.Is(err, pipeline.ErrInvalid) { // of an outage the lab may know more
		return err
	}
	return nil
}

// judge reads the head of body, corrects the submission by it and gives the
// head back.
func (g guard) judge(s *lab.Submission, body io.Reader) ([]byte, error) {
	h, head, err := imagehead.Peek(body)
	if len(head) == 0 && errors.Is(err, imagehead.ErrNotImage) {
		return nil, lab.ErrEmpty
	}
	if err != nil {
		return nil, err
	}
	s.ContentType = h.ContentType
	return head, h.Check(imagehead.Limits{Pixels: g.limits.MaxPixels, Frames: g.limits.MaxFrames, Pages: g.limits.MaxPages})
}

// cappedReader fails when there are more than limit bytes, so that whoever
// takes the bytes in gives them up. Of a body whose size was not announced
// this only shows on the way.
type cappedReader struct {
	r           io.Reader
	left, limit int64
	over        error // once there were too many
}

// Read implements io.Reader.
func (c *cappedReader) Read(p []byte) (int, error) {
	if c.over != nil {
		return 0, c.over
	}
	if int64(len(p)) > c.left {
		p = p[:c.left+1] // one more than fits, to see whether there is one
	}
	n, err := c.r.Read(p)
	if int64(n) <= c.left {
		c.left -= int64(n)
		return n, err
	}
	n, c.left, c.over = int(c.left), 0, tooLarge(c.limit)
	return n, c.over
}

func tooLarge(limit int64) error {
	return fault.ErrTooLarge.Detailf("the image has more than %d bytes, which is the most that is taken", limit)
}
