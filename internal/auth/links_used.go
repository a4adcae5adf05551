package auth

import (
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

// usedLinkPrefix is where in the key-value store the links are noted that have
// handed an image in, by their nonces, as long as they are good.
const usedLinkPrefix = "links-used/"

// repeatTime is for how long after its first use a link may hand its image in
// again: a little less than an idempotency key is known to the task database.
const repeatTime = 23 * time.Hour

// admit lets an image in once. Behind it the idempotency key is the
// link's nonce, as Principal.Link: the same image again is the same task, and another one refused.
func (l *Links) admit(r *http.Request, c claims) error {
	if !isBare(r.Header) {
		return ErrLinkBody
	}
	if c.Max > 0 {
		if r.ContentLength > c.Max {
			return fault.ErrTooLarge.Detailf("with this link, an image has at most %d bytes", c.Max)
		}
		r.Body = http.MaxBytesReader(nil, r.Body, c.Max)
	}
	r.Header.Del("Idempotency-Key")
	return l.use(r, c)
}

// isBare says that a body is the image itself. A form or a JSON text could ask
// for more than the link was signed for.
func isBare(h http.Header) bool {
	types := h.Values("Content-Type")
	if len(types) == 0 {
		return true
	}
	media, _, err := mime.ParseMediaType(types[0])
	return err == nil && len(types) == 1 && !strings.HasPrefix(media, "multipart/") && !strings.HasSuffix(media, "json")
}

// use notes the first use of a link; later ones are repetitions for a time.
func (l *Links) use(r *http.Request, c claims) error {
	ctx, now, name := r.Context(), l.now(), usedLinkPrefix+c.Nonce
	opts := kv.PutOptions{IfAbsent: true, TTL: max(kv.MinTTL, time.Unix(c.Expires, 0).Sub(now))}
	_, _, err := l.store.Put(ctx, name, []byte(now.UTC().Format(time.RFC3339)), opts)
	if err == nil {
		return nil
	}
	if !errors.Is(err, kv.ErrStale) {
		return errSigners.Because(err)
	}
	e, err := l.store.Get(ctx, name)
	if err != nil {
		return errSigners.Because(err)
	}
	if first, err := time.Parse(time.RFC3339, string(e.Value)); err != nil || now.Sub(first) > repeatTime {
		return ErrLinkUsed
	}
	return nil
}
