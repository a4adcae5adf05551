package httpx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"minilab/internal/fault"
)

// HeaderRequestID carries the ID that follows a request through the services.
const HeaderRequestID = "X-Request-Id"

type requestIDKey struct{}

// RequestID is the ID of the request that ctx belongs to, or empty.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// WithRequestID is middleware: it takes the request's ID over from the caller
// or makes one, keeps it in the context and answers with it.
func WithRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(HeaderRequestID)
		if !validRequestID(id) {
			id = uuid.NewString()
		}
		w.Header().Set(HeaderRequestID, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

func validRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// ReadJSON reads the body, at most limit bytes, into v. Unknown fields, anything
// behind the value and more values than anybody needs are refused; an empty body
// is left to the caller as v unchanged.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return err // the body's reader says what is wrong
	}
	if tooManyValues(text) {
		return ErrJSON.Detailf("%v", errManyValues)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err = d.Decode(v)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		if _, extra := d.Token(); !errors.Is(extra, io.EOF) {
			return ErrJSON.Detailf("there is something behind the JSON value")
		}
		return nil
	}
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f // of a part that reads itself
	}
	return ErrJSON.Detailf("%s", jsonFault(err)).Because(err)
}

func jsonFault(err error) string {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "field " + strconv.Quote(t.Field) + " cannot be a " + t.Value
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return "not JSON at byte " + strconv.FormatInt(s.Offset, 10)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok { // it has no type of its own
		return "there is no field " + name + " here"
	}
	return "the body is not the JSON that is expected here"
}

// Query reads the query's parameters; an escape that is none is ErrParameter.
func Query(r *http.Request) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, ErrParameter.Detailf("the query is not validly escaped").Because(err)
	}
	return q, nil
}

// Int is the query parameter name, or def when it is absent; outside lo to hi
// it is ErrParameter.
func Int(q url.Values, name string, def, lo, hi int64) (int64, error) {
	text := q.Get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < lo || n > hi {
		return 0, ErrParameter.Detailf("%s is a number from %d to %d", name, lo, hi)
	}
	return n, nil
}

// Duration is the query parameter name as a Go duration ("30s") or whole
// seconds ("30"), or 0 when it is absent; outside 0 to hi it is ErrParameter.
func Duration(q url.Values, name string, hi time.Duration) (time.Duration, error) {
	text := q.Get(name)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if n, e := strconv.ParseInt(text, 10, 32); e == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d < 0 || d > hi {
		return 0, ErrParameter.Detailf("%s is a duration from 0s to %v, such as 30s", name, hi)
	}
	return d, nil
}
