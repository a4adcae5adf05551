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

// headerIdempotency has the key by which a submission can be repeated
// (draft-ietf-httpapi-idempotency-key-header).
const headerIdempotency = "Idempotency-Key"

// maxIdempotencyKey is how many characters such a key has at most.
const maxIdempotencyKey = 128

// Submission reads what is asked for beside the image: its owner, type and size
// are the caller's to fill in.
func Submission(q url.Values, header http.Header) (lab.Submission, error) {
	for _, name := range []string{"pipeline", "outputs", "preset", "partial", "priority", "keep", "callback", "fresh"} {
		if len(q[name]) > 1 { // the first one would be done, and nobody told
			return lab.Submission{}, httpx.ErrParameter.Detailf("%s is given %d times", name, len(q[name]))
		}
	}
	s := lab.Submission{Preset: q.Get("preset"), Tags: q["tag"], Callback: q.Get("callback"), Accept: viewed(header)}
	var err error
	if s.IdempotencyKey, err = idempotencyKey(header); err != nil {
		return s, err
	}
	priority, err := httpx.Int(q, "priority", 0, -9, 9)
	if err != nil {
		return s, err
	}
	s.Priority = int(priority)
	if s.Partial, err = flag(q, "partial"); err != nil {
		return s, err
	}
	if s.Fresh, err = flag(q, "fresh"); err != nil {
		return s, err
	}
	if text := q.Get("keep"); text != "" {
		if s.Keep, err = lab.ParseKeep(text); err != nil {
			return s, err
		}
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

func idempotencyKey(header http.Header) (string, error) {
	values := header.Values(headerIdempotency)
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	visible := func(c rune) bool { return c > ' ' && c < 0x7f }
	if len(values) > 1 || key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(c rune) bool { return !visible(c) }) {
		return "", httpx.ErrParameter.Detailf("the %s is 1 to %d visible ASCII characters, once", headerIdempotency, maxIdempotencyKey)
	}
	return key, nil
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
	if s.Keep > 0 {
		q.Set("keep", s.Keep.String())
	}
	if s.Callback != "" {
		q.Set("callback", s.Callback)
	}
	for name, set := range map[string]bool{"partial": s.Partial, "fresh": s.Fresh} {
		if set {
			q.Set(name, "true")
		}
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
