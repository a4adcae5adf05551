package labhttp

import (
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"strings"

	"minilab/internal/lab"
)

// Limits of what may stand in a form before its image.
const (
	maxParts   = 64
	maxPreface = 64 << 10 // bytes of all the fields
)

// formImage finds the field "image" of a form and leaves the reader at its
// first byte. Text fields before it count as parameters.
func formImage(body io.Reader, boundary string, params url.Values) (*multipart.Part, error) {
	form := multipart.NewReader(body, boundary)
	rest := int64(maxPreface)
	for range maxParts {
		part, err := form.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, lab.ErrNoImage
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, lab.ErrCut.Because(err)
		case err != nil:
			return nil, lab.ErrSubmission.Detailf("the form is not valid multipart/form-data").Because(err)
		case part.FormName() == "image":
			return part, checkEncoding(part)
		}
		value, err := io.ReadAll(io.LimitReader(part, rest+1))
		rest -= int64(len(value))
		switch {
		case rest < 0:
			return nil, lab.ErrSubmission.Detailf("the fields before the image have more than %d bytes", maxPreface)
		case err != nil:
			return nil, lab.ErrCut.Because(err)
		}
		parameter(part.FormName(), string(value), params)
	}
	return nil, lab.ErrSubmission.Detailf("there are more than %d fields before the image", maxParts)
}

// checkEncoding refuses an image that is not sent as it is.
func checkEncoding(part *multipart.Part) error {
	switch e := strings.ToLower(part.Header.Get("Content-Transfer-Encoding")); e {
	case "", "binary", "8bit", "7bit":
		return nil
	}
	return lab.ErrSubmission.Detailf("the image's Content-Transfer-Encoding is not binary")
}

// parameter takes a field for what it would be in the query.
func parameter(name, value string, params url.Values) {
	switch name {
	case "pipeline", "preset", "priority", "tag":
		params.Add(name, value)
	}
}
