package develop_test

import (
	"bytes"
	"errors"
	"image/jpeg"
	"strings"
	"testing"

	"minilab/internal/develop"
	"minilab/internal/engine/wire"
	"minilab/internal/imagehead"
	"minilab/internal/pipeline"
)

// TestAttachments: an image to be laid over is held to the same limits as the
// first one, and it is said which one is broken.
func TestAttachments(t *testing.T) {
	var whole bytes.Buffer
	if err := jpeg.Encode(&whole, scene(200, 200), nil); err != nil {
		t.Fatal(err)
	}
	_, moving := film(t)
	p, err := pipeline.Parse("watermark:logo/png")
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		data []byte
		want error
	}{
		"a whole JPEG":                     {whole.Bytes(), nil},
		"half a JPEG":                      {whole.Bytes()[:whole.Len()/2], wire.ErrBroken},
		"a JPEG whose end comes too early": {append(bytes.Clone(whole.Bytes()[:whole.Len()/2]), 0xff, 0xd9), wire.ErrBroken},
		"a JPEG without its end":           {whole.Bytes()[:whole.Len()-200], wire.ErrBroken},
		"text":                             {[]byte("no image at all"), wire.ErrNotImage},
		"nothing":                          {nil, wire.ErrNotImage},
		"more pixels than are allowed":     {encodePNG(t, scene(300, 300)), wire.ErrTooManyPixels},
		"half a PNG":                       {encodePNG(t, scene(200, 200))[:500], wire.ErrBroken},
		"as many pixels as are allowed":    {encodePNG(t, scene(250, 250)), nil},
		"an animation, whose first counts": {moving, nil},
	} {
		fd := memfd(t)
		_, err := develop.Develop(develop.Job{
			Input: encodePNG(t, scene(100, 100)), Outputs: []develop.Target{{Pipeline: p, File: fd}},
			Attachments: map[string][]byte{"logo": c.data},
			Limits:      develop.Limits{MaxPixels: 250 * 250, MaxFrames: imagehead.MaxFrames, MaxPages: 1, MaxOutput: 1 << 24},
		})
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), `"logo"`) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}
