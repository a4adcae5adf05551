package fault

import "net/http"

// Kind is the nature of a fault. The set is closed: each kind has exactly one
// HTTP status and each status below 600 at most one kind.
type Kind int

// The kinds, with the HTTP status that each one stands for.
const (
	Invalid       Kind = iota + 1 // 400 the request is malformed
	Unauthorized                  // 401 who are you?
	Forbidden                     // 403 you may not
	NotFound                      // 404 no such thing
	Method                        // 405 not with this method
	Timeout                       // 408 the caller took too long to send
	Conflict                      // 409 not in this state
	Gone                          // 410 was here once
	LengthNeeded                  // 411 say how long it is
	Stale                         // 412 somebody was faster
	TooLarge                      // 413 over a limit
	Unsupported                   // 415 not a type that is served
	Range                         // 416 no such part
	Unprocessable                 // 422 well-formed but not doable
	TooMany                       // 429 come back later
	HeaderSize                    // 431 header fields too large
	Mismatch                      // 460 not the bytes of the checksum: the status is tus's own
	Internal                      // 500 a defect
	BadGateway                    // 502 a part behind this one answered nonsense
	Unavailable                   // 503 a part is away
	NoSpace                       // 507 the disk is full
)

var statuses = map[Kind]int{
	Invalid:       http.StatusBadRequest,
	Unauthorized:  http.StatusUnauthorized,
	Forbidden:     http.StatusForbidden,
	NotFound:      http.StatusNotFound,
	Method:        http.StatusMethodNotAllowed,
	Timeout:       http.StatusRequestTimeout,
	Conflict:      http.StatusConflict,
	Gone:          http.StatusGone,
	LengthNeeded:  http.StatusLengthRequired,
	Stale:         http.StatusPreconditionFailed,
	TooLarge:      http.StatusRequestEntityTooLarge,
	Unsupported:   http.StatusUnsupportedMediaType,
	Range:         http.StatusRequestedRangeNotSatisfiable,
	Unprocessable: http.StatusUnprocessableEntity,
	TooMany:       http.StatusTooManyRequests,
	HeaderSize:    http.StatusRequestHeaderFieldsTooLarge,
	Mismatch:      460,
	Internal:      http.StatusInternalServerError,
	BadGateway:    http.StatusBadGateway,
	Unavailable:   http.StatusServiceUnavailable,
	NoSpace:       http.StatusInsufficientStorage,
}

var kinds = func() map[int]Kind {
	m := make(map[int]Kind, len(statuses))
	for k, s := range statuses {
		m[s] = k
	}
	return m
}()

// Status is the HTTP status of the kind; an unknown kind is 500.
func (k Kind) Status() int {
	if s, ok := statuses[k]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// KindOfStatus is the kind with that HTTP status. A status that no kind has
// becomes Invalid below 500 and Internal from there on.
func KindOfStatus(status int) Kind {
	if k, ok := kinds[status]; ok {
		return k
	}
	if status < http.StatusInternalServerError {
		return Invalid
	}
	return Internal
}

// Transient says whether the same request may succeed later without the
// caller changing it.
func (k Kind) Transient() bool {
	switch k {
	case TooMany, Internal, BadGateway, Unavailable, NoSpace, Timeout:
		return true
	}
	return false
}

// Faults that any part may return.
var (
	ErrInternal    = New(Internal, "internal", "internal error")
	ErrUnavailable = New(Unavailable, "unavailable", "a service that this request needs is away; try again")
	ErrInvalid     = New(Invalid, "invalid-request", "the request is malformed")
	ErrNoSpace     = New(NoSpace, "no-space", "no space is left on the disk")
	ErrTooLarge    = New(TooLarge, "too-large", "the body is over the limit")
)
