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
	maxPreface = 64 << 10 // bytes of all the fields, their headers included
)

// Form is a multipart/form-data body with images. Text fields that come before
// an image count as parameters of it and of those behind it.
type Form struct {
	preface *prefaceReader
	parts   *multipart.Reader
	params  url.Values
	fields  int
}

// NewForm reads body; fields are added to params.
func NewForm(body io.Reader, boundary string, params url.Values) *Form {
	preface := &prefaceReader{r: body, rest: maxPreface}
	return &Form{preface: preface, parts: multipart.NewReader(preface, boundary), params: params}
}

// Next finds the next field "image", which is read from the part. After the
// last one it is io.EOF.
func (f *Form) Next() (*multipart.Part, error) {
	f.preface.over = false
	for ; f.fields < maxParts; f.fields++ {
		part, err := f.parts.NextRawPart()
		switch {
		case f.preface.rest < 0:
			return nil, f.preface.tooLong()
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, lab.ErrCut.Because(err)
		case err != nil:
			return nil, lab.ErrSubmission.Detailf("the form is not valid multipart/form-data").Because(err)
		case part.FormName() == "image":
			f.preface.over = true
			return part, checkEncoding(part)
		}
		value, err := io.ReadAll(part)
		switch {
		case f.preface.rest < 0:
			return nil, f.preface.tooLong()
		case err != nil:
			return nil, lab.ErrCut.Because(err)
		}
		parameter(part.FormName(), string(value), f.params)
	}
	return nil, lab.ErrSubmission.Detailf("there are more than %d fields beside the images", maxParts)
}

// prefaceReader ends when there is too much beside the images. The limit holds
// for headers too: the reader of forms takes any number of megabytes of them.
type prefaceReader struct {
	r    io.Reader
	rest int64 // below 0: too much has come
	over bool  // an image is being read
}

// Read implements io.Reader.
func (p *prefaceReader) Read(b []byte) (int, error) {
	if p.over {
		return p.r.Read(b)
	}
	if p.rest < 0 {
		return 0, p.tooLong()
	}
	n, err := p.r.Read(b[:min(int64(len(b)), p.rest+1)])
	p.rest -= int64(n)
	return n, err
}

func (p *prefaceReader) tooLong() error {
	return lab.ErrSubmission.Detailf("the fields before an image have more than %d bytes", maxPreface)
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
	case "pipeline", "outputs", "preset", "partial", "priority", "tag", "keep", "callback", "fresh":
		params.Add(name, value)
	}
}
