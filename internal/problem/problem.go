// Package problem is the wire form of a fault: RFC 9457 problem details,
// application/problem+json, with a stable code.
package problem

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"minilab/internal/fault"
)

// ContentType is the media type of a problem.
const ContentType = "application/problem+json"

// typePrefix and the code make the problem's type, a URI reference.
const typePrefix = "/problems/"

// maxBody bounds what is read of an error answer, in bytes.
const maxBody = 64 << 10

// maxRetry bounds the advice to come back that is believed.
const maxRetry = 24 * time.Hour

// Problem is the body of every answer that is an error.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"requestId,omitempty"`
}

// Of is the problem that a caller is told of err. The text of an error that is
// no fault stays inside.
func Of(err error) Problem {
	f := fault.From(err)
	return Problem{
		Type: typePrefix + f.Code, Title: f.Title, Status: f.Kind.Status(), Code: f.Code, Detail: f.Detail,
	}
}

// Write answers a request with err. Nothing may have been written before.
func Write(w http.ResponseWriter, err error, requestID string) {
	p := Of(err)
	p.RequestID = requestID
	h := w.Header()
	for _, stale := range []string{"Content-Length", "Content-Encoding", "ETag", "Repr-Digest", "Content-Disposition", "Accept-Ranges", "Last-Modified"} {
		h.Del(stale)
	}
	h.Set("Content-Type", ContentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if s := RetryAfter(fault.From(err)); s > 0 {
		h.Set("Retry-After", strconv.Itoa(s))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller is gone; nobody is left to tell
}

// RetryAfter is the advice to come back in so many seconds, 0 for none; who is
// told that a service is away gets one in any case.
func RetryAfter(f *fault.Fault) int {
	if f.RetryAfter == 0 && (f.Kind == fault.Unavailable || f.Kind == fault.TooMany) {
		return 1
	}
	return int(math.Ceil(f.RetryAfter.Seconds()))
}

// Read turns an error answer back into the fault that it was made of. It reads
// a bounded part of the body and does not close it. An answer that is no
// problem+json becomes a fault of the status' kind.
func Read(resp *http.Response) error {
	f := &fault.Fault{Kind: fault.KindOfStatus(resp.StatusCode)}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		f.RetryAfter = time.Duration(min(s, int(maxRetry.Seconds()))) * time.Second
	}
	var p Problem
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), ContentType) || json.Unmarshal(body, &p) != nil || p.Code == "" {
		return unnamed(f, resp.StatusCode)
	}
	f.Code, f.Title, f.Detail = p.Code, p.Title, p.Detail
	return f
}

// unnamed fills in a fault for an answer that did not come from minilab, a
// proxy's for example.
func unnamed(f *fault.Fault, status int) error {
	f.Code = "http-" + strconv.Itoa(status)
	f.Title = fmt.Sprintf("answered %d %s", status, http.StatusText(status))
	return f
}

// Fault is the fault that an embedded problem stands for: a list's entries
// answer each for itself.
func (p Problem) Fault() *fault.Fault {
	return &fault.Fault{Kind: fault.KindOfStatus(p.Status), Code: p.Code, Title: p.Title, Detail: p.Detail}
}
