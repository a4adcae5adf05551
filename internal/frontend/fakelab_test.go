package frontend_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/frontend"
	"minilab/internal/lab"
)

// fakeLab alters images with Go's codecs. A test makes it slow, busy or
// unable through its hooks.
type fakeLab struct {
	lab.Customers // what the page does not ask for

	status func(id string, n int) (lab.Task, error) // n-th question; nil: finished
	submit func(n int) error                        // n-th submission

	mu        sync.Mutex
	results   [][]byte
	asked     int
	submitted int
	sources   []lab.Submission
}

func (f *fakeLab) Submit(ctx context.Context, s lab.Submission, body io.Reader) (lab.Task, error) {
	if err := ctx.Err(); err != nil {
		return lab.Task{}, err
	}
	photo, err := io.ReadAll(body)
	if err != nil {
		return lab.Task{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.submitted++
	if f.submit != nil {
		if err := f.submit(f.submitted); err != nil {
			return lab.Task{}, err
		}
	}
	altered, err := alter(photo, s)
	if err != nil {
		return lab.Task{}, err
	}
	f.results, f.sources = append(f.results, altered), append(f.sources, s)
	return lab.Task{ID: fmt.Sprintf("0198f3c2-7d1a-7000-8000-%012d", len(f.results)-1)}, nil
}

func (f *fakeLab) Task(_ context.Context, ref lab.Ref, _ time.Duration) (lab.Task, error) {
	f.mu.Lock()
	f.asked++
	n := f.asked
	f.mu.Unlock()
	if f.status != nil {
		return f.status(ref.ID, n)
	}
	return lab.Task{ID: ref.ID, State: lab.Finished}, nil
}

func (f *fakeLab) Result(_ context.Context, ref lab.Ref, _ string) (lab.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var n int
	if _, err := fmt.Sscanf(ref.ID, "0198f3c2-7d1a-7000-8000-%d", &n); err != nil || n >= len(f.results) {
		return lab.Result{}, lab.ErrNotFound
	}
	b := f.results[n]
	digest := sha256.Sum256(b)
	return lab.Result{
		ContentType: f.sources[n].ContentType, Size: int64(len(b)), SHA256: hex.EncodeToString(digest[:]), Modified: time.Unix(1, 0),
		Open: func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
			part := b[offset:]
			if length > 0 {
				part = part[:length]
			}
			return io.NopCloser(bytes.NewReader(part)), nil
		},
	}, nil
}

// alter reorders the channels of what Go can encode; the rest stays as it is.
func alter(photo []byte, s lab.Submission) ([]byte, error) {
	img, format, err := image.Decode(bytes.NewReader(photo))
	if err != nil {
		return photo, nil //nolint:nilerr // what Go cannot read stays as it is
	}
	order := "bgr"
	if len(s.Pipeline) > 0 {
		order = s.Pipeline[0].Value("order")
	}
	var out bytes.Buffer
	if format == "png" {
		err = png.Encode(&out, reorder(img, order))
	} else {
		err = jpeg.Encode(&out, reorder(img, order), &jpeg.Options{Quality: 95})
	}
	return out.Bytes(), err
}

func reorder(img image.Image, order string) image.Image {
	out := image.NewNRGBA(img.Bounds())
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			from := map[byte]uint8{'r': c.R, 'g': c.G, 'b': c.B}
			out.SetNRGBA(x, y, color.NRGBA{from[order[0]], from[order[1]], from[order[2]], c.A})
		}
	}
	return out
}

// serve runs a frontend over a lab.
func serve(t *testing.T, customers lab.Customers, limits frontend.Limits) string {
	t.Helper()
	s := httptest.NewServer(frontend.New(frontend.Config{Customers: customers, Limits: limits, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	return do(t, http.MethodGet, url, nil, nil)
}

func do(t *testing.T, method, url string, header http.Header, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// once fails the first time, in the way of a lab that is busy.
func once(n int) error {
	if n == 1 {
		return lab.ErrQueueFull.Retry(time.Second)
	}
	return nil
}

func away(n int) error {
	if n == 1 {
		return fault.ErrInternal
	}
	return nil
}

func isProblem(resp *http.Response, body, code string) bool {
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") && strings.Contains(body, `"code":"`+code+`"`)
}
