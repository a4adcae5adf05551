package labhttp

import (
	"errors"
	"io"
	"mime/multipart"
	"net/url"

	"minilab/internal/lab"
)

// formImage finds the field "image" of a form and leaves the reader at its
// first byte. Text fields before it count as parameters.
func formImage(body io.Reader, boundary string, params url.Values) (*multipart.Part, error) {
	form := multipart.NewReader(body, boundary)
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, lab.ErrNoImage
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, lab.ErrCut.Because(err)
		case err != nil:
			return nil, lab.ErrSubmission.Detailf("the form is not valid multipart/form-data").Because(err)
		case part.FormName() == "image":
			return part, nil
		}
		if err := textField(part, params); err != nil {
			return nil, err
		}
	}
}

func textField(part *multipart.Part, params url.Values) error {
	switch name := part.FormName(); name {
	case "pipeline", "preset", "priority", "tag":
		value, err := io.ReadAll(io.LimitReader(part, maxField))
		if err != nil {
			return lab.ErrCut.Because(err)
		}
		params.Add(name, string(value))
	}
	return nil
}
