// Package develop does what a job asks for: it tells the format of an image by
// its first bytes, judges its size from the header, runs the pipeline over its
// pixels and writes the result in the format that came in.
//
// Three lanes lead to a result, the first that fits is taken:
//
//	copy     nothing would change (a grey image, swap:rgb): the bytes go back as they came
//	palette  the colours are in a table (GIF, PNG): the table is rewritten, all else stays
//	pixels   decode, operate, encode
//
// Every lane decodes every pixel, so a broken image is refused in each.
package develop

import (
	"errors"
	"fmt"

	"minilab/internal/engine/wire"
	"minilab/internal/fault"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// Job is one image and what shall become of it.
type Job struct {
	Input     []byte
	Output    int // descriptor of an empty file
	Pipeline  pipeline.Pipeline
	MaxPixels int64 // width x height x pages
	MaxOutput int64 // bytes
}

// Result is what is known of a result; its bytes are in the job's output.
type Result struct {
	ContentType string
	Facts       wire.Facts
}

// Develop does the job. Faults of the image are those of package wire; any
// other error is a defect.
func Develop(job Job) (Result, error) {
	vips.Forget()
	defer vips.Forget() // what it says about this image, no other may be told
	f, err := sniff(job.Input)
	if err != nil {
		return Result{}, err
	}
	n, err := open(f, job.Input, job.MaxPixels)
	if err != nil {
		return Result{}, err
	}
	defer n.image.Close()
	facts := n.facts()
	facts.Lane, err = n.develop(job)
	return Result{f.contentType, facts}, err
}

func (n *negative) develop(job Job) (lane string, err error) {
	order, err := orderOf(job.Pipeline)
	if err != nil {
		return "", err
	}
	recoloured, err := n.recolour(order)
	switch {
	case err != nil && !errors.Is(err, errNoTable):
		return "", n.broken(err)
	case order == identity || n.grey():
		return "copy", n.deliver(job, job.Input)
	case err == nil:
		return "palette", n.deliver(job, recoloured)
	}
	return "pixels", n.print(job, order)
}

// deliver writes bytes that are the result already, once the image they were
// made from has proved to be whole.
func (n *negative) deliver(job Job, data []byte) error {
	if int64(len(data)) > job.MaxOutput {
		return tooLarge(job)
	}
	if err := n.image.Drain(); err != nil {
		return n.broken(err)
	}
	if err := n.whole(); err != nil {
		return n.broken(err)
	}
	return writeAll(job.Output, data)
}

// print runs the pixels through the pipeline.
func (n *negative) print(job Job, order order) error {
	rgb, err := n.rgb()
	if err != nil {
		return n.broken(err)
	}
	defer rgb.Close()
	swapped, err := rgb.Swap(order)
	if err != nil {
		return n.broken(err)
	}
	defer swapped.Close()
	swapped.Remove("jpeg-thumbnail-data") // the Exif preview would show the old colours
	err = n.save(swapped, job)
	if errors.Is(err, vips.ErrLimit) {
		return tooLarge(job)
	}
	if err == nil {
		err = n.whole()
	}
	return n.broken(err)
}

func tooLarge(job Job) error {
	return wire.ErrOutputTooLarge.Detailf("the result would be larger than the %d bytes that are allowed", job.MaxOutput)
}

// broken translates an error of the library.
func (n *negative) broken(err error) error {
	if _, ok := errors.AsType[*fault.Fault](err); ok {
		return err
	}
	if reason, ok := errors.AsType[*vips.Error](err); ok {
		if reason.OutOfMemory() {
			return wire.ErrMemory.Because(err)
		}
		return wire.ErrBroken.Detailf("the %s image is broken or cut off (%s)", n.format.title, reason.Text)
	}
	if err != nil {
		return fmt.Errorf("develop %s: %w", n.format.name, err)
	}
	return nil
}
