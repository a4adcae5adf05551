package images_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "image/gif"  // registers its decoder
	_ "image/jpeg" // registers its decoder
	_ "image/png"  // registers its decoder

	"golang.org/x/image/tiff"
	_ "golang.org/x/image/webp" // registers its decoder

	"minilab/internal/trials"
	"minilab/internal/trials/images"
)

// outcome is what became of an image.
type outcome struct {
	what   string // finished, or "refused" or "failed" and the code
	detail string
}

// hand hands an image in and says what became of it. An error is one of the
// lab, or a result that is no image.
func hand(ctx context.Context, c trials.Customer, data []byte) (outcome, error) {
	id, err := c.Upload(ctx, data)
	if refusal, ok := errors.AsType[*trials.Answer](err); ok && refusal.Status/100 == 4 && refusal.Code != "" {
		return outcome{"refused " + refusal.Code, refusal.Body}, nil
	}
	if err != nil {
		return outcome{}, fmt.Errorf("upload: %w", err)
	}
	status, err := c.Await(ctx, id)
	if err != nil {
		return outcome{}, fmt.Errorf("await: %w", err)
	}
	switch status.Status {
	case "failed":
		return outcome{"failed " + status.Error.Code, status.Error.Detail}, nil
	case "finished":
		result, err := c.Result(ctx, id)
		if err != nil {
			return outcome{}, fmt.Errorf("result: %w", err)
		}
		return outcome{what: "finished"}, readable(ctx, c, data, result)
	}
	return outcome{}, fmt.Errorf("it is %q", status.Status)
}

// readable is an error unless a result can be read by another decoder. What
// that one does not know, or did not understand of the source either, must at
// least be taken by the lab again.
func readable(ctx context.Context, c trials.Customer, source, result []byte) error {
	err := decoded(result)
	if err == nil {
		return nil
	}
	if !errors.Is(err, errSamples) && decoded(source) == nil {
		return fmt.Errorf("the result cannot be read as the source can: %w", err)
	}
	id, err := c.Upload(ctx, result)
	if err != nil {
		return fmt.Errorf("the result is not taken: %w", err)
	}
	status, err := c.Await(ctx, id)
	if err == nil && status.Status != "finished" {
		err = fmt.Errorf("%s: %s", status.Error.Code, status.Error.Detail)
	}
	if err != nil {
		return fmt.Errorf("the result is no image: %w", err)
	}
	return nil
}

// errSamples is what the other decoder says of pixels with more than colours
// and alpha, as a lie about their number makes them.
const errSamples = tiff.FormatError("wrong number of samples for RGB")

// decodedPixels is how large an image is read whole by the other decoder, which
// is slow. Of larger ones it reads the header.
const decodedPixels = 4_000_000

func decoded(data []byte) error {
	head, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || head.Width > decodedPixels/max(head.Height, 1) {
		return err
	}
	_, _, err = image.Decode(bytes.NewReader(data))
	return err
}

// documented are the codes that the manual gives for bad images, without those
// of a decoder that had to be killed.
func documented(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/engine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## What a bad image costs")
	table, _, _ = strings.Cut(table, "\n## ")
	codes := []string{"empty"} // no image at all: docs/api.md
	for _, m := range regexp.MustCompile("\\| `([a-z-]+)` \\|").FindAllStringSubmatch(table, -1) {
		if !strings.HasPrefix(m[1], "decoder-") {
			codes = append(codes, m[1])
		}
	}
	if len(codes) < 6 {
		t.Fatalf("the manual has but the codes %v", codes)
	}
	return codes
}

// tally counts outcomes by kind of image.
type tally map[string]map[string]int

func (c tally) add(i images.Image, what string) {
	if c[i.Kind] == nil {
		c[i.Kind] = map[string]int{}
	}
	c[i.Kind][what]++
}

// String is a table in Markdown.
func (c tally) String() string {
	var b strings.Builder
	fmt.Fprint(&b, "| kind | images | outcomes |\n| --- | --- | --- |\n")
	for _, kind := range keys(c) {
		n, all := 0, []string{}
		for _, what := range keys(c[kind]) {
			n += c[kind][what]
			all = append(all, fmt.Sprintf("%s %d", what, c[kind][what]))
		}
		fmt.Fprintf(&b, "| %s | %d | %s |\n", kind, n, strings.Join(all, ", "))
	}
	return b.String()
}

func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// client keeps a connection for each customer.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
}
