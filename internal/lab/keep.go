package lab

import (
	"strconv"
	"strings"
	"time"

	"minilab/internal/fault"
)

// MaxKeep is how long a task can be kept at most without being kept for ever.
const MaxKeep = 100 * 365 * day

const day = 24 * time.Hour

// ErrKeep says that a text is no time to keep tasks for.
var ErrKeep = fault.New(fault.Invalid, "invalid-keep", "the time to keep it is not valid")

// ParseKeep reads how long a task is kept after its end: "7d", or a duration
// such as "36h" or "1h30m"; more than 0, up to MaxKeep.
func ParseKeep(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(n, int(MaxKeep/day)+1)) * day
	}
	if err != nil || d < time.Second || d > MaxKeep {
		return 0, ErrKeep.Detailf("%.40q is not a time such as 36h or 7d, from 1s to %dd", text, MaxKeep/day)
	}
	return d, nil
}
