package auth

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/kv/kvview"
)

// How long a link may be good.
const (
	MinLink = time.Second
	MaxLink = 30 * 24 * time.Hour
)

// LinkParameter is the query's parameter that makes a URL a link.
const LinkParameter = "link"

// Faults of links. What is wrong with one that is not valid is not told.
var (
	ErrLink        = fault.New(fault.Invalid, "invalid-link", "no link can be made like this")
	ErrLinkExpired = fault.New(fault.Unauthorized, "link-expired", "the link has expired")
	ErrLinkUsed    = fault.New(fault.Forbidden, "link-used", "the link has been used")
	ErrLinkBody    = fault.New(fault.Forbidden, "link-body", "with this link, the body is the image itself: no form, no JSON")

	errLink = ErrUnauthorized.Detailf("the link is not valid")
)

// Link is what a URL is signed for: one request of GET (and then of HEAD too),
// or one image handed in with POST.
type Link struct {
	Method   string // GET or POST
	Path     string // escaped
	Query    url.Values
	Expires  time.Time
	MaxBytes int64 // of an image that is handed in; 0: what everybody may
}

// Links makes and judges signed URLs. Who made one lets its holder do one thing
// in the maker's place, until it expires or the maker's key does; what the maker
// may not do any more, the link may not either.
//
//	l := auth.NewLinks(store, keys)
//	go l.Follow(ctx, log)
//	signed, err := l.Sign(ctx, principal, auth.Link{Method: "GET", Path: "/api/v1/tasks/ID/result", Expires: …})
//
// It is safe for concurrent use, and processes that share the store judge alike.
type Links struct {
	store   kv.Store
	keys    *Keys
	signers *kvview.View[signers]
	lookups budget
	now     func() time.Time
}

// NewLinks makes links that know nothing yet; Follow has them learn.
func NewLinks(store kv.Store, keys *Keys) *Links {
	return &Links{store: store, keys: keys, signers: kvview.New(signingPrefix, maxSigningEntries, parseSigners), now: time.Now}
}

// Follow keeps the keys that links are signed with up to date until ctx ends.
func (l *Links) Follow(ctx context.Context, log *slog.Logger) { l.signers.Follow(ctx, l.store, log) }

// Sign gives the path and query of a link that p makes. Who lacks the scope for
// what the link does is ErrForbidden.
func (l *Links) Sign(ctx context.Context, p Principal, link Link) (string, error) {
	if err := p.Check(scopeOf(link.Method)); err != nil {
		return "", err
	}
	now := l.now()
	if life := link.Expires.Sub(now); life < MinLink || life > MaxLink {
		return "", ErrLink.Detailf("a link expires in %v to %v", MinLink, MaxLink)
	}
	s, err := l.signer(ctx, now)
	if err != nil {
		return "", err
	}
	c := claims{Owner: p.Owner, Key: p.Key, Expires: link.Expires.Unix()}
	if link.Method == http.MethodPost {
		c.Nonce, c.Max = newNonce(), link.MaxBytes
	}
	q := url.Values{}
	for name, values := range link.Query {
		q[name] = values
	}
	q.Set(LinkParameter, s.sign(link.Method, link.Path, link.Query, c))
	return link.Path + "?" + q.Encode(), nil
}

// scopeOf is what a link of that method needs.
func scopeOf(method string) Scope {
	if method == http.MethodPost {
		return Submit
	}
	return Read
}

// Signed says whether a request's URL claims to be a link.
func (l *Links) Signed(r *http.Request) bool { return r.URL.Query().Has(LinkParameter) }

// Principal is whom a link lets in: its maker, with the one scope that the link
// needs. It makes the request what the link was signed for: the signature is
// taken out of its query, and what hands an image in gets the link's limit and
// Principal.Link for its idempotency key, so that a second use is a repetition of the first.
//
// It is ErrUnauthorized for what is no link, for another request than the one
// that was signed, and when the maker's key is gone; ErrLinkExpired,
// ErrLinkUsed, ErrLinkBody, and fault.ErrUnavailable as long as nobody knows.
func (l *Links) Principal(r *http.Request) (Principal, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	shown := q[LinkParameter]
	if err != nil || len(shown) != 1 {
		return Principal{}, errLink
	}
	q.Del(LinkParameter)
	c, err := l.verify(r, q, shown[0])
	if err != nil {
		return Principal{}, err
	}
	p, err := l.maker(r.Context(), c)
	if err != nil {
		return Principal{}, err
	}
	scope := scopeOf(r.Method)
	if !p.Allows(scope) {
		return Principal{}, errLink
	}
	p.Scopes = []Scope{scope}
	if r.Method == http.MethodPost {
		if err := l.admit(r, c); err != nil {
			return Principal{}, err
		}
		p.Link = c.Nonce
	}
	r.URL.RawQuery = q.Encode()
	return p, nil
}

// verify reads a link whose signature is right and whose time is not over.
func (l *Links) verify(r *http.Request, q url.Values, text string) (claims, error) {
	id, rest, _ := cutToken(text)
	s, err := l.known(r.Context(), id)
	if err != nil {
		return claims{}, err
	}
	c, ok := s.open(r.Method, r.URL.EscapedPath(), q, rest)
	switch {
	case !ok:
		return claims{}, errLink
	case !l.now().Before(time.Unix(c.Expires, 0)):
		return claims{}, ErrLinkExpired
	}
	return c, nil
}

// maker is who made a link, as far as they are still let in. Without keys that
// is everybody, until there are some.
func (l *Links) maker(ctx context.Context, c claims) (Principal, error) {
	if c.Key == "" {
		needed, err := l.keys.Needed(ctx)
		if err == nil && (needed || c.Owner != Public().Owner) {
			err = errLink
		}
		return Public(), err
	}
	key, ok, err := find(ctx, l.keys, l.keys.keys, c.Key)
	if err == nil && (!ok || key.Owner != c.Owner) {
		err = errLink
	}
	if err != nil {
		return Principal{}, err
	}
	return l.keys.admit(key)
}
