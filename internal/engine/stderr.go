package engine

import (
	"bytes"
	"log/slog"
	"strings"
	"time"
)

// stderrLog writes what an engine process prints to the log, so much of it as
// a process may say: an image can make a decoder talk without end.
type stderrLog struct {
	log     *slog.Logger
	second  time.Time
	lines   int
	partial []byte
	last    string // line; to be read once the process has ended
}

const (
	maxLine           = 400
	maxLinesPerSecond = 20
)

// Write implements io.Writer. It takes everything and never fails.
func (s *stderrLog) Write(data []byte) (int, error) {
	n := len(data)
	for {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		s.partial = append(s.partial, line[:min(len(line), maxLine-len(s.partial))]...)
		if !ended {
			return n, nil
		}
		s.print()
		data = rest
	}
}

func (s *stderrLog) print() {
	line := strings.ToValidUTF8(string(s.partial), "?")
	s.partial, s.last = s.partial[:0], line
	if now := time.Now().Truncate(time.Second); now != s.second {
		s.second, s.lines = now, 0
	}
	if s.lines++; s.lines <= maxLinesPerSecond {
		s.log.Warn("engine process says", "text", line)
	}
}
