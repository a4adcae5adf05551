package labhttp

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
)

// submission reads what is asked for beside the image.
func (h customers) submission(q url.Values) (lab.Submission, error) {
	for _, name := range []string{"pipeline", "outputs", "preset", "partial"} {
		if len(q[name]) > 1 { // the first one would be done, and nobody told
			return lab.Submission{}, httpx.ErrParameter.Detailf("%s is given %d times", name, len(q[name]))
		}
	}
	s := lab.Submission{Preset: q.Get("preset"), Tags: q["tag"]}
	if h.paths.Trusted {
		s.Owner = q.Get("owner")
		priority, err := httpx.Int(q, "priority", 0, -9, 9)
		if err != nil {
			return s, err
		}
		s.Priority = int(priority)
	}
	var err error
	if s.Partial, err = flag(q, "partial"); err != nil {
		return s, err
	}
	if q.Has("pipeline") {
		if s.Pipeline, err = pipeline.ParseOpen(q.Get("pipeline")); err != nil {
			return s, err
		}
	}
	if q.Has("outputs") {
		if s.Outputs, err = pipeline.ParseOutputsOpen(q.Get("outputs")); err != nil {
			return s, err
		}
	}
	return s, nil
}

// flag is a parameter that is true or false; its name alone is true.
func flag(q url.Values, name string) (bool, error) {
	text := q.Get(name)
	if text == "" {
		return q.Has(name), nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, httpx.ErrParameter.Detailf("%s is true or false", name)
	}
	return b, nil
}

// submissionQuery is what submission reads.
func submissionQuery(s lab.Submission) url.Values {
	q := url.Values{"owner": {s.Owner}, "preset": {s.Preset}, "tag": s.Tags, "priority": {strconv.Itoa(s.Priority)}}
	if len(s.Pipeline) > 0 {
		q.Set("pipeline", s.Pipeline.String())
	}
	if len(s.Outputs) > 0 {
		q.Set("outputs", pipeline.OutputsText(s.Outputs))
	}
	if s.Partial {
		q.Set("partial", "true")
	}
	return q
}

// viewed are the formats that the Accept header names. Wildcards name none:
// nearly every client sends */*, also those that show no AVIF or WebP, and older
// browsers without WebP send image/*.
func viewed(h http.Header) string {
	var names []string
	for item := range strings.SplitSeq(strings.Join(h.Values("Accept"), ","), ",") {
		media, params, _ := strings.Cut(item, ";")
		if format, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(media)), "image/"); ok && wanted(params) {
			names = append(names, format)
		}
	}
	return pipeline.ViewedText(names)
}

// wanted says that the parameters of a media type do not have a weight of 0.
func wanted(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return err == nil && weight > 0
	}
	return true
}

// acceptHeader is the header that viewed reads as those formats.
func acceptHeader(formats string) string {
	return "image/" + strings.ReplaceAll(formats, ",", ",image/")
}
