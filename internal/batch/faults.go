package batch

import (
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"syscall"

	"minilab/client"
)

// fullError is one of this side's disk: the next image would have it too.
type fullError struct{ err error }

// Error implements error.
func (e *fullError) Error() string { return "the results cannot be stored: " + e.err.Error() }

// Unwrap is what errors.Is and errors.As look at.
func (e *fullError) Unwrap() error { return e.err }

// ofOrder are codes of what is wrong with the order, whatever the image.
var ofOrder = []client.Code{
	client.CodePipeline, client.CodePreset, "invalid-preset", "invalid-submission", "unknown-reference",
	"no-route", "method-not-allowed", "http-404", "http-405", // no lab, or an old one
	client.CodeUnauthorized, client.CodeForbidden, "presets-only", client.CodeRedirected,
}

// general says whether every other image would have the same error.
func general(err error, img image) bool {
	if full := (*fullError)(nil); errors.As(err, &full) {
		return !errors.Is(err, syscall.ENAMETOOLONG) && !errors.Is(err, syscall.EISDIR) && !errors.Is(err, syscall.ENOTDIR)
	}
	if e := (*client.Error)(nil); errors.As(err, &e) {
		switch e.Status {
		case http.StatusTooManyRequests, http.StatusUnauthorized, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusInsufficientStorage:
			return true
		}
		return slices.Contains(ofOrder, e.Code) || e.Code == client.CodeParameter && img.url == ""
	}
	switch {
	case errors.As(err, new(*fs.PathError)), errors.As(err, new(*imageError)):
		return false
	case errors.Is(err, client.ErrUnreadable), errors.Is(err, client.ErrDigest),
		errors.Is(err, client.ErrChanged), errors.Is(err, client.ErrCut):
		return false
	}
	return true // the lab cannot be reached
}

// imageError is what is wrong with one image, in a sentence.
type imageError struct{ text string }

// Error implements error.
func (e *imageError) Error() string { return e.text }
