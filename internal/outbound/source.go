package outbound

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// Open asks for an image and gives its bytes as they come, and their number, -1
// if it is not known. Whatever is answered with another status than 200, or
// compressed, is ErrRefused; what is known to be over the limit is ErrTooLarge
// before a byte is read. The reading fails as that of Do's answers.
func (c *Client) Open(ctx context.Context, rawURL string) (body io.ReadCloser, size int64, err error) {
	u, err := c.parse(rawURL)
	if err != nil {
		return nil, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, 0, ErrURL.Because(err)
	}
	req.Header.Set("Accept", "image/*, */*;q=0.1")
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := c.Do(req)
	if err != nil {
		return nil, 0, err
	}
	if err := c.judge(resp); err != nil {
		resp.Body.Close()
		return nil, 0, err
	}
	return resp.Body, resp.ContentLength, nil
}

func (c *Client) judge(resp *http.Response) error {
	encoding := strings.Join(resp.Header.Values("Content-Encoding"), ", ")
	switch {
	case resp.StatusCode != http.StatusOK:
		return ErrRefused.Detailf("the source answered with the status %d", resp.StatusCode)
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return ErrRefused.Detailf("the source answered with a content encoding, which is not undone here")
	case resp.ContentLength > c.cfg.MaxBytes:
		return ErrTooLarge.Detailf("the source gives %d bytes, at most %d are taken", resp.ContentLength, c.cfg.MaxBytes)
	}
	return nil
}
