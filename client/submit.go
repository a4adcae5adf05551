package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxWait is how long one submission waits at most for its task to end.
const maxWait = time.Minute

// Order is what is to be done with an image. Without a pipeline, outputs and
// preset red and blue trade places.
type Order struct {
	Pipeline string   // such as "resize:512x512/webp"
	Outputs  []Output // several results, each with a Name and a Pipeline; Order.Pipeline is their beginning
	Preset   string   // in the place of Pipeline and Outputs
	Partial  bool     // take what is there of a damaged image
	Tags     []string
	Priority int           // -9 to 9, higher goes first
	Keep     time.Duration // how long task and images are kept after the end; 0: as the lab does
	Callback string        // URL that is told of the end
	Fresh    bool          // do the work even where the same was done before

	// Wait is how long Submit waits for the task to end, up to a minute.
	Wait time.Duration

	// IdempotencyKey, 1 to 128 visible characters, makes two submissions of
	// the same image one task. Submit makes one for each call where it is
	// empty.
	IdempotencyKey string
}

// Image is what is handed in: see File, Stream, URL and Uploaded.
type Image struct {
	body   func() (*body, error)
	url    string
	upload string
}

// File hands in the file of that name.
func File(path string) Image {
	return Image{body: func() (*body, error) {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: is no regular file", path)
		}
		return &body{size: info.Size(), open: func() (io.ReadCloser, error) { return os.Open(path) }}, nil
	}}
}

// Stream hands in what r has from where it stands. Only an r that is an
// io.Seeker is sent a second time when the first has failed.
func Stream(r io.Reader) Image {
	return Image{body: func() (*body, error) {
		s, ok := r.(io.Seeker)
		if !ok {
			return &body{size: -1, single: true, open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}, nil
		}
		start, err := s.Seek(0, io.SeekCurrent)
		if err != nil {
			return Stream(onlyReader{r}).body()
		}
		return seekBody(r, s, start)
	}}
}

// onlyReader hides what else a reader can do: a pipe is a Seeker that cannot.
type onlyReader struct{ io.Reader }

func seekBody(r io.Reader, s io.Seeker, start int64) (*body, error) {
	end, err := s.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	return &body{size: end - start, open: func() (io.ReadCloser, error) {
		_, err := s.Seek(start, io.SeekStart)
		return io.NopCloser(r), err
	}}, nil
}

// URL has the lab fetch the image from an http or https URL.
func URL(text string) Image { return Image{url: text} }

// Uploaded hands in what Upload has sent.
func Uploaded(id string) Image { return Image{upload: id} }

// Submit hands an image in. When it returns without an error, the lab has the
// image and the task for good. With o.Wait the task may have ended. A large
// image is sent by Upload first.
func (c *Client) Submit(ctx context.Context, image Image, o Order) (t Task, err error) {
	if o.IdempotencyKey == "" {
		o.IdempotencyKey = rand.Text()
	}
	if !visible(o.IdempotencyKey) {
		return t, errors.New("an idempotency key has visible characters only")
	}
	q, err := o.call(image)
	if err != nil {
		return t, err
	}
	if q.body.large() {
		if image, err = c.uploaded(ctx, image, q.body); err != nil {
			return t, err
		}
		if q, err = o.call(image); err != nil {
			return t, err
		}
	}
	err = c.json(ctx, q, &t)
	return t, err
}

func (o Order) call(image Image) (q call, err error) {
	q = call{method: http.MethodPost, path: []string{"tasks"}, header: http.Header{"Idempotency-Key": {o.IdempotencyKey}}}
	if o.Wait > 0 {
		q.header.Set("Prefer", fmt.Sprintf("wait=%d", int(min(o.Wait, maxWait)+time.Second-1)/int(time.Second)))
	}
	switch {
	case image.body != nil:
		q.query = o.query()
		q.body, err = image.body()
		if err != nil {
			return q, &bodyError{err}
		}
		if q.body.size > smallBody || q.body.size < 0 {
			q.header.Set("Expect", "100-continue") // a refusal comes before the bytes go
		}
	case image.url != "" || image.upload != "":
		q.body, err = jsonBody(o.document(image))
	default:
		err = errors.New("no image: see File, Stream, URL and Uploaded")
	}
	return q, err
}

// smallBody is how many bytes are sent without asking first.
const smallBody = 64 << 10

func (o Order) query() url.Values {
	q := url.Values{}
	set := func(name, value string, given bool) {
		if given {
			q.Set(name, value)
		}
	}
	set("pipeline", o.Pipeline, o.Pipeline != "")
	set("outputs", outputsText(o.Outputs), len(o.Outputs) > 0)
	set("preset", o.Preset, o.Preset != "")
	set("partial", "true", o.Partial)
	set("priority", strconv.Itoa(o.Priority), o.Priority != 0)
	set("keep", o.Keep.String(), o.Keep != 0)
	set("callback", o.Callback, o.Callback != "")
	set("fresh", "true", o.Fresh)
	if len(o.Tags) > 0 {
		q["tag"] = o.Tags
	}
	return q
}

// outputsText writes NAME=PIPELINE|NAME=PIPELINE.
func outputsText(outputs []Output) string {
	var parts []string
	for _, out := range outputs {
		parts = append(parts, out.Name+"="+strings.ReplaceAll(out.Pipeline, "|", "%7C"))
	}
	return strings.Join(parts, "|")
}

// document is the order of an image that is not sent along.
func (o Order) document(image Image) map[string]any {
	d := map[string]any{}
	set := func(name string, value any, given bool) {
		if given {
			d[name] = value
		}
	}
	set("url", image.url, image.url != "")
	set("upload", image.upload, image.upload != "")
	set("pipeline", o.Pipeline, o.Pipeline != "")
	set("outputs", outputsText(o.Outputs), len(o.Outputs) > 0)
	set("preset", o.Preset, o.Preset != "")
	set("partial", true, o.Partial)
	set("tags", o.Tags, len(o.Tags) > 0)
	set("priority", o.Priority, o.Priority != 0)
	set("keep", o.Keep.String(), o.Keep != 0)
	set("callback", o.Callback, o.Callback != "")
	set("fresh", true, o.Fresh)
	return d
}
