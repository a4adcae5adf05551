package auth

import (
	"strconv"
	"strings"
	"time"
)

// maxLife is how long a key that expires may be good.
const maxLife = 100 * 365 * 24 * time.Hour

// ExpiryOf reads when a key is to expire: after a duration such as 720h or 30d,
// at a time such as 2027-01-31T00:00:00Z, or never, for an empty text.
func ExpiryOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil && at.Sub(now) <= maxLife {
		return inFuture(at, now)
	}
	life, err := time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		n = min(n, int(maxLife.Hours()/24)+1)
		life = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || life <= 0 || life > maxLife {
		return time.Time{}, ErrInvalidKey.Detailf("a key expires after a duration such as 720h or 30d, or at a time such as 2027-01-31T00:00:00Z; got %.40q", text)
	}
	return now.Add(life).UTC().Truncate(time.Second), nil
}

// inFuture refuses a key that would never be good: a lab's first one would end
// the time without keys, and let nobody in.
func inFuture(at, now time.Time) (time.Time, error) {
	if !at.After(now) {
		return time.Time{}, ErrInvalidKey.Detailf("a key expires in the future; %s is over", at.UTC().Format(time.RFC3339))
	}
	return at.UTC(), nil
}
