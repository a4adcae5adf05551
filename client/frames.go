package client

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxLine bounds a line of a stream of events, in bytes.
const maxLine = 1 << 20

// frame is one event of a stream as the HTML standard has them, or a comment.
type frame struct {
	id, event, data string
	retry           time.Duration
}

type frames struct{ lines *bufio.Scanner }

func newFrames(r io.Reader) frames {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	return frames{s}
}

var errLongEvent = errors.New("an event is too long")

// next reads to the next empty line or comment. What the end cuts off is no frame.
func (r frames) next() (f frame, err error) {
	var data []string
	size := 0
	for r.lines.Scan() {
		line := r.lines.Text()
		if line == "" {
			f.data = strings.Join(data, "\n")
			return f, nil
		}
		if size += len(line); size > maxLine {
			return frame{}, errLongEvent
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			f.id = value
		case "event":
			f.event = value
		case "data":
			data = append(data, value)
		case "retry":
			if ms, err := strconv.Atoi(value); err == nil {
				f.retry = time.Duration(max(0, min(ms, int(time.Hour/time.Millisecond)))) * time.Millisecond
			}
		}
	}
	if err := r.lines.Err(); err != nil {
		return frame{}, err
	}
	return frame{}, io.EOF
}
