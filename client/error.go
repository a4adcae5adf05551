package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Code says what is wrong, the same for all releases. The API's page has all
// codes; these are the ones that a program may want to tell apart.
type Code string

// The codes.
const (
	CodeNotFound     Code = "not-found"          // 404, also for what is another owner's
	CodeNotFinished  Code = "not-finished"       // 409
	CodeCanceled     Code = "canceled"           // 409
	CodeFailed       Code = "failed"             // 422
	CodeTransition   Code = "illegal-transition" // 409: the state does not allow it
	CodeUnauthorized Code = "unauthorized"       // 401: no key, or none that is known
	CodeForbidden    Code = "forbidden"          // 403: the key has not the scope
	CodeQueueFull    Code = "queue-full"         // 429
	CodeNoSpace      Code = "no-space"           // 507
	CodeTooLarge     Code = "too-large"          // 413
	CodeNotAnImage   Code = "not-an-image"       // 415
	CodePipeline     Code = "invalid-pipeline"   // 400
	CodePreset       Code = "unknown-preset"     // 400
	CodeParameter    Code = "invalid-parameter"  // 400
	CodeRedirected   Code = "redirected"         // 3xx: Detail says where to
)

// Errors of answers that are not what the lab has sent, or not any more.
var (
	ErrDigest  = errors.New("the bytes are not those that the lab has sent")
	ErrChanged = errors.New("the result has changed while it was fetched")
	ErrCut     = errors.New("the answer ends before its end")
)

// ErrUnreadable is this side's: the image that was to be handed in cannot be
// read, or changes meanwhile.
var ErrUnreadable = errors.New("the image cannot be read")

// maxProblem bounds what is read of an answer that is an error, in bytes.
const maxProblem = 64 << 10

// Error is an answer of the lab that is an error, RFC 9457's problem details.
type Error struct {
	Status     int           // of HTTP
	Code       Code          // stable; "http-502" where something between has answered
	Title      string        // what is wrong, in general
	Detail     string        // what is wrong here; a sentence that a person can act on
	RequestID  string        // what the lab's logs call the request
	RetryAfter time.Duration // the advice to come back; 0: none
}

// Error implements error.
func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Title
	}
	return fmt.Sprintf("%s (%s)", text, e.Code)
}

// CodeOf is the code of the lab's answer in err, or "" where there is none.
func CodeOf(err error) Code {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// problem is an Error on the wire.
type problem struct {
	Status    int    `json:"status"`
	Code      Code   `json:"code"`
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	RequestID string `json:"requestId"`
}

func (p problem) err() *Error {
	return &Error{Status: p.Status, Code: p.Code, Title: p.Title, Detail: p.Detail, RequestID: p.RequestID}
}

// readError makes an Error of an answer, whoever it came from.
func readError(resp *http.Response) error {
	var p problem
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(body, &p) != nil || p.Code == "" {
		p = unnamed(resp)
	}
	e := p.err()
	e.Status = resp.StatusCode
	e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"))
	return e
}

// unnamed stands for an answer that did not come from a lab, a proxy's for example.
func unnamed(resp *http.Response) problem {
	p := problem{Code: Code("http-" + strconv.Itoa(resp.StatusCode))}
	p.Title = fmt.Sprintf("answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode < http.StatusBadRequest {
		p.Code, p.Detail = CodeRedirected, fmt.Sprintf("the server sends on to %.200q; that URL may be what is to be given as the server", to)
	}
	return p
}

// retryAfter reads both forms of the header.
func retryAfter(text string) time.Duration {
	if s, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(0, min(s, 24*3600))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
