package kvhttp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"minilab/internal/kv"
	"minilab/internal/problem"
)

// A stream of server-sent events tells of changes like this, and of its
// untimely end with an event "error" whose data is a problem:
//
//	id: 12
//	event: put
//	data: {"key":"a","value":"MQ==","revision":12}
const (
	eventPut    = "put"
	eventDelete = "delete"
	eventError  = "error"

	pingEvery   = 15 * time.Second
	writeWithin = 30 * time.Second // else the reader is as good as gone
	retryAfter  = time.Second      // what a browser waits before it connects again

	// maxLine is enough for the largest value, in base64, with the longest
	// key, each of its bytes escaped.
	maxLine = kv.MaxValue/3*4 + kv.MaxKey*6 + 1024
)

// eventWriter writes a stream.
type eventWriter struct {
	w    http.ResponseWriter
	conn *http.ResponseController
}

// startEvents answers with the head of a stream.
func startEvents(w http.ResponseWriter) (*eventWriter, error) {
	s := &eventWriter{w: w, conn: http.NewResponseController(w)}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // a proxy that collects events delays them
	w.WriteHeader(http.StatusOK)
	if err := s.write("retry: %d\n\n", retryAfter.Milliseconds()); err != nil {
		return nil, err
	}
	return s, s.flush()
}

func (s *eventWriter) write(format string, args ...any) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeWithin)) // a recorder in a test has none
	_, err := fmt.Fprintf(s.w, format, args...)
	return err
}

func (s *eventWriter) flush() error { return s.conn.Flush() }

// end leaves the connection as it was found.
func (s *eventWriter) end() { _ = s.conn.SetWriteDeadline(time.Time{}) }

func (s *eventWriter) ping() error { return s.write(": ping\n\n") }

func (s *eventWriter) event(e kv.Event) error {
	name, data := eventPut, toWire(e.Entry)
	if e.Deleted {
		name, data.Value = eventDelete, nil
	}
	body, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.write("id: %d\nevent: %s\ndata: %s\n\n", e.Revision, name, body)
}

func (s *eventWriter) fail(err error) error {
	body, err := json.Marshal(problem.Of(err))
	if err != nil {
		return err
	}
	return s.write("event: %s\ndata: %s\n\n", eventError, body)
}

// eventReader reads a stream.
type eventReader struct {
	lines *bufio.Scanner
	alive func() // called for every line
}

func newEventReader(r io.Reader, alive func()) *eventReader {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	return &eventReader{lines: lines, alive: alive}
}

// next is the next event that has data. Everything but its name and its data
// is passed over, comments and unknown fields included.
func (s *eventReader) next() (name string, data []byte, err error) {
	for s.lines.Scan() {
		s.alive()
		line := s.lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && data != nil:
			return name, data, nil
		case line == "":
			name = ""
		case field == "event":
			name = value
		case field == "data" && len(data)+len(value) > maxLine:
			return "", nil, bufio.ErrTooLong
		case field == "data" && data != nil:
			data = append(append(data, '\n'), value...)
		case field == "data":
			data = []byte(value)
		}
	}
	if err := s.lines.Err(); err != nil {
		return "", nil, err
	}
	return "", nil, io.ErrUnexpectedEOF
}
