package lab

import (
	"slices"
	"strings"
	"time"

	"minilab/internal/hook"
	"minilab/internal/pipeline"
)

// Submission is what a customer hands in beside the image's bytes.
type Submission struct {
	Owner       string            // empty: public
	Pipeline    pipeline.Pipeline // the beginning of every output; empty without Outputs: Preset's, or pipeline.Default()
	Outputs     []pipeline.Named  // several results of one decode; empty: one without a name
	Preset      string            // NAME or NAME@VERSION, kept under presets/ in the key-value store; not beside Pipeline or Outputs
	Partial     bool              // take what is there of a damaged image
	Accept      string            // what the viewer takes, as pipeline.ViewedText has it: for auto
	Priority    int               // -9 to 9; higher goes first
	Tags        []string          // none that begins with PresetTag
	ContentType string            // of the bytes
	Size        int64             // bytes that will come, or Unknown
	Keep        time.Duration     // how long after its end it is kept; 0: as the lab is set
	Callback    string            // an http or https URL that is called when it has ended; empty: none
	Fresh       bool              // make it anew even if the owner has it already

	IdempotencyKey string // by which a submission can be repeated; empty: it cannot
	KeyOf          string // within a frontend: whose key it is, "upload" for one; empty: the customer's own
}

// PresetTag begins the tag that a task has of the preset that it was made with.
const PresetTag = "preset:"

// Limits are what one submission may ask for.
type Limits struct {
	MaxOutputs int   // 0: pipeline.MaxOutputs
	MaxPixels  int64 // that an operation makes whatever the image; 0: any number
}

// Check is the error of the first thing that is wrong with what is asked for.
func (s Submission) Check(l Limits) error {
	if err := checkCallback(s.Callback); err != nil {
		return err
	}
	switch {
	case s.Preset != "" && len(s.Pipeline)+len(s.Outputs) > 0:
		return ErrSubmission.Detailf("a submission has a preset, or a pipeline and outputs, not both")
	case slices.ContainsFunc(s.Tags, func(tag string) bool { return strings.HasPrefix(tag, PresetTag) }):
		return ErrSubmission.Detailf("a tag does not begin with %q: those are the lab's own", PresetTag)
	case l.MaxOutputs > 0 && len(s.Outputs) > l.MaxOutputs:
		return pipeline.ErrInvalid.Detailf("there are at most %d outputs, got %d", l.MaxOutputs, len(s.Outputs))
	case len(s.Outputs) == 0:
		return l.size(s.Pipeline)
	}
	if n := len(s.Pipeline.String()) + len(pipeline.OutputsText(s.Outputs)); n > pipeline.MaxText {
		return pipeline.ErrInvalid.Detailf("a pipeline and its outputs have at most %d bytes together, got %d", pipeline.MaxText, n)
	}
	if err := pipeline.CheckOutputNames(s.Outputs); err != nil {
		return err
	}
	for _, o := range s.Outputs {
		whole, err := pipeline.Join(s.Pipeline, o.Pipeline)
		if err == nil {
			err = l.size(whole)
		}
		if err != nil {
			return pipeline.InOutput(o.Name, err)
		}
	}
	return nil
}

func checkCallback(url string) error {
	if url == "" {
		return nil
	}
	if err := hook.CheckURL(url); err != nil {
		return ErrSubmission.Detailf("the callback: %v", err)
	}
	return nil
}

func (l Limits) size(p pipeline.Pipeline) error {
	if l.MaxPixels <= 0 {
		return nil
	}
	return p.CheckSize(l.MaxPixels)
}

// Settle fills in what is left open: the default pipeline, and what Partial and
// Accept ask for. The submission has no preset any more.
func (s Submission) Settle() Submission {
	if len(s.Pipeline)+len(s.Outputs) == 0 {
		s.Pipeline = pipeline.Default()
	}
	s.Outputs = slices.Clone(s.Outputs)
	if s.Partial {
		s.Pipeline = s.Pipeline.Partial()
	}
	for i, o := range s.Outputs {
		if s.Partial {
			o.Pipeline = o.Pipeline.WithoutPartial()
		}
		s.Outputs[i].Pipeline = o.Pipeline.Accepting(s.Accept)
	}
	s.Pipeline = s.Pipeline.Accepting(s.Accept)
	s.Partial, s.Accept = false, ""
	return s
}
