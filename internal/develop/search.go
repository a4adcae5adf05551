package develop

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"minilab/internal/engine/wire"
	"minilab/internal/pipeline"
)

// search writes with the highest quality, up to the one that is asked for, whose
// result is no larger than limit bytes.
func (p *printer) search(step pipeline.Step, limit int64) error {
	if step.Has("lossless") && step.Flag("lossless") {
		return p.within(step, limit, "a lossless result")
	}
	if err := p.sheet.Settled(); err != nil {
		return err
	}
	best, written := 0, 0
	for lo, hi, q := 1, step.Int("quality"), step.Int("quality"); lo <= hi; q = (lo + hi) / 2 {
		size, err := p.trial(step.With("quality", strconv.Itoa(q)))
		written = q
		switch {
		case err != nil:
			return err
		case size <= limit:
			best, lo = q, q+1
		default:
			hi = q - 1
		}
	}
	if best > 0 && best == written {
		return nil // it is in the file
	}
	return p.within(step.With("quality", strconv.Itoa(max(best, 1))), limit, "the result at its lowest quality")
}

// within writes and judges the size.
func (p *printer) within(step pipeline.Step, limit int64, what string) error {
	size, err := p.trial(step)
	if err == nil && size > limit {
		return wire.ErrOutputTooLarge.Detailf("%s has %d bytes, more than the %d of maxbytes; make the image smaller", what, size, limit)
	}
	return err
}

// trial writes over what may be in the file already, and gives the size.
func (p *printer) trial(step pipeline.Step) (size int64, err error) {
	if err := unix.Ftruncate(p.file, 0); err != nil {
		return 0, err
	}
	if err := p.print(step); err != nil {
		return 0, err
	}
	var st unix.Stat_t
	err = unix.Fstat(p.file, &st)
	return st.Size, err
}

// tooLargeTrial says that a trial ended because of the size alone.
func tooLargeTrial(err error) bool { return errors.Is(err, wire.ErrOutputTooLarge) }
