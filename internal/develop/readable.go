package develop

import (
	"errors"
	"fmt"

	"minilab/internal/engine/wire"
	"minilab/internal/fault"
	"minilab/internal/vips"
)

// readable adds to the fault of a broken image how much of it could be read. It
// decodes once more to find out, row by row up to the first that cannot be had.
func readable(err error, f *format, job Job, w wish) error {
	if !errors.Is(err, wire.ErrBroken) || w.partial || f.bound != nil && f.bound(job.Input) != nil {
		return err
	}
	reason := fault.From(err)
	share := rowsOf(f, job, w)
	switch {
	case share < 0:
		return reason.Detailf("%s; some of it could be read, which partial=true takes", reason.Detail)
	case share == 0:
		return reason.Detailf("%s; nothing of it could be read", reason.Detail)
	}
	return reason.Detailf("%s; %s could be read, which partial=true takes", reason.Detail, percent(share))
}

func percent(share float64) string {
	if share >= 0.995 {
		return "nearly all of it"
	}
	return fmt.Sprintf("%.0f %% of it", max(100*share, 1))
}

// rowsOf is the share of an image's rows that can be decoded; negative when the
// decoder reads all of the file first and cannot tell.
func rowsOf(f *format, job Job, w wish) float64 {
	options := vips.Options{"access": "sequential", "fail_on": "truncated"}
	if f.paged {
		options["page"] = max(w.pages.from, 1) - 1
	}
	if f.size != nil {
		if n := (&negative{format: f, data: job.Input, pages: 1}); n.judge(job.Limits, f.size) != nil {
			return 0
		}
	}
	image, err := vips.Load(f.loader, job.Input, options)
	if err != nil {
		return unknown(f, job)
	}
	defer image.Close()
	n := &negative{format: f, data: job.Input, image: image, pages: 1}
	if n.judge(job.Limits, func([]byte) (int64, int64) { return int64(image.Width()), int64(image.Height()) }) != nil {
		return 0
	}
	return float64(image.Rows()) / float64(image.Height())
}

// unknown is a share that cannot be told, or 0 if there is nothing.
func unknown(f *format, job Job) float64 {
	image, err := vips.Load(f.loader, job.Input, vips.Options{"fail_on": "none"})
	if err != nil {
		return 0
	}
	image.Close()
	return -1
}
