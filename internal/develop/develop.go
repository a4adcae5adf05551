// Package develop does what a job asks for: it tells the format of an image by
// its first bytes, judges its size from the header, runs the pipelines over its
// pixels and writes each result in the format that it wants, or in the one that
// came in.
//
// Four lanes lead to a result, the first that fits is taken:
//
//	copy         nothing would change (a grey image, swap:rgb): the bytes go back as they came
//	palette      the colours are in a table (GIF, PNG): the table is rewritten, all else stays
//	coefficient  JPEG to JPEG, by steps that are linear: the coefficients are changed (package coeff)
//	pixels       decode, operate, encode
//
// Every lane decodes all that there is, so a broken image is refused in each.
package develop

import (
	"errors"
	"fmt"

	"minilab/internal/darkroom"
	"minilab/internal/engine/wire"
	"minilab/internal/fault"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// Job is one image and what shall become of it.
type Job struct {
	Input       []byte
	Outputs     []Target          // one or more
	Attachments map[string][]byte // further images that operations ask for, by name
	Limits
}

// Limits of one job.
type Limits struct {
	MaxPixels int64 // width x height x pages, of the source and of all on the way
	MaxFrames int   // of an animation
	MaxPages  int   // of a document
	MaxOutput int64 // bytes of one output
}

// Target is one result that is wanted.
type Target struct {
	Pipeline pipeline.Pipeline
	File     int // descriptor of an empty file
}

// Result is what is known of the results; their bytes are in the job's outputs.
// The sizes of outputs are not in it.
type Result struct {
	Outputs []wire.Output
	Facts   wire.Facts
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
	result := Result{Outputs: make([]wire.Output, len(job.Outputs))}
	for _, group := range byWish(job.Outputs) {
		if err := result.add(f, job, group); err != nil {
			return Result{}, err
		}
	}
	return result, nil
}

// add makes those outputs that want the same of the image.
func (r *Result) add(f *format, job Job, group []int) error {
	targets := make([]Target, len(group))
	for i, t := range group {
		targets[i] = job.Outputs[t]
	}
	w := wishOf(targets)
	n, err := open(f, job.Input, job.Limits, w)
	if err != nil {
		return readable(err, f, job, w)
	}
	defer n.close()
	job.Outputs = targets
	outputs, facts, err := n.develop(job)
	for i, t := range group[:len(outputs)] {
		r.Outputs[t] = outputs[i]
	}
	if group[0] == 0 { // of what the first output has read
		r.Facts = facts
	}
	return readable(n.broken(err), f, job, w)
}

func (n *negative) develop(job Job) ([]wire.Output, wire.Facts, error) {
	facts := n.facts()
	order, reorders := orderOf(job.Outputs)
	if !reorders || order != identity && !n.grey() {
		outputs, ok, err := n.coefficients(job)
		if ok || err != nil {
			facts.Lane = "coefficient"
			return outputs, facts, err
		}
	}
	if reorders {
		output, lane, err := n.reorder(job, order)
		facts.Lane = lane
		return []wire.Output{output}, facts, err
	}
	if points, ok := pointsOf(job.Outputs); ok {
		output, err := n.repaint(job, points)
		if !errors.Is(err, errNoTable) {
			facts.Lane = "palette"
			return []wire.Output{output}, facts, err
		}
	}
	facts.Lane = "pixels"
	outputs, err := n.print(job)
	return outputs, facts, err
}

// reorder does what can be done without a pipeline, or with the shortest.
func (n *negative) reorder(job Job, order order) (output wire.Output, lane string, err error) {
	file := job.Outputs[0].File
	output = n.unmoved()
	recoloured, err := n.recolour(order)
	switch {
	case err != nil && !errors.Is(err, errNoTable):
		return output, "", err
	case order == identity || n.grey():
		return output, "copy", n.deliver(file, job.Input, job.MaxOutput)
	case err == nil:
		return output, "palette", n.deliver(file, recoloured, job.MaxOutput)
	}
	return output, "pixels", n.reorderPixels(file, order, job.MaxOutput)
}

// repaint runs a pipeline over the table of colours, if there is one.
func (n *negative) repaint(job Job, p points) (wire.Output, error) {
	recoloured, err := n.recolour(p)
	if err != nil {
		return wire.Output{}, err
	}
	return n.unmoved(), n.deliver(job.Outputs[0].File, recoloured, job.MaxOutput)
}

// unmoved is a result of the source's format and size.
func (n *negative) unmoved() wire.Output {
	return wire.Output{ContentType: n.format.contentType, Width: n.image.Width(), Height: n.image.Height() / n.pages, Pages: n.pages}
}

// deliver writes bytes that are the result already, once the image they were
// made from has proved to be whole.
func (n *negative) deliver(file int, data []byte, limit int64) error {
	if int64(len(data)) > limit {
		return tooLarge(limit)
	}
	if err := n.image.Drain(); err != nil {
		return err
	}
	if err := n.whole(); err != nil {
		return err
	}
	return writeAll(file, data)
}

// reorderPixels writes the image in all the ways of the source, with its
// channels reordered.
func (n *negative) reorderPixels(file int, order order, limit int64) error {
	rgb, err := n.rgb()
	if err != nil {
		return err
	}
	defer rgb.Close()
	swapped, err := rgb.Swap(order)
	if err != nil {
		return err
	}
	defer swapped.Close()
	swapped.Remove(previewField) // the Exif preview would show the old colours
	if exif := swapped.Blob(exifField); len(exif) > 0 {
		setBlob(swapped, exifField, withoutPreview(exifSegment(exif)))
	}
	if err := n.save(swapped, file, limit); err != nil {
		return err
	}
	return n.whole()
}

// print runs the pipelines over the pixels and writes the results.
func (n *negative) print(job Job) ([]wire.Output, error) {
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: job.MaxPixels})
	defer tray.Close()
	if err := attach(tray, job); err != nil {
		return nil, err
	}
	n.cut = cuts(job.Outputs)
	width, height := n.image.Width(), n.image.Height()/n.pages
	if by := n.shrink(job.Outputs); by > 1 {
		if err := n.decodeSmaller(by); err != nil {
			return nil, err
		}
	}
	image, err := n.plain(tray)
	if err != nil {
		return nil, err
	}
	sheet := tray.Sheet(image, n.pages)
	if n.by > 1 {
		sheet.Decoded(width, height)
	}
	b := branches{n: n, limit: job.MaxOutput, targets: job.Outputs, outputs: make([]wire.Output, len(job.Outputs))}
	if err := b.follow(sheet, all(job.Outputs), 0); err != nil {
		return nil, err
	}
	return b.outputs, n.whole()
}

// attach opens the images that operations ask for.
func attach(tray *darkroom.Tray, job Job) error {
	tray.Attachments = make(map[string]*vips.Image)
	for name, data := range job.Attachments {
		f, err := sniff(data)
		if err != nil {
			return attachmentError(name, err)
		}
		n, err := open(f, data, job.Limits, wish{pages: pages{from: 1, to: 1}})
		if err != nil {
			return attachmentError(name, err)
		}
		tray.Keep(n.image)
		image, err := n.plain(tray)
		if err == nil {
			image, err = image.Settle()
		}
		if err == nil {
			tray.Attachments[name] = tray.Keep(image)
			err = n.whole()
		}
		if err != nil {
			return attachmentError(name, n.broken(err))
		}
	}
	return nil
}

func attachmentError(name string, err error) error {
	f := fault.From(err)
	return f.Detailf("the image %q to be laid over: %s", name, f.Error())
}

func tooLarge(limit int64) error {
	return wire.ErrOutputTooLarge.Detailf("the result would be larger than the %d bytes that are allowed", limit)
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
