package webhook

import "time"

// delays are how long after each failed attempt another is made: eleven
// attempts in a day.
var delays = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 10 * time.Hour,
}

const (
	// jitter is the part of a delay that is left to chance, so that what
	// failed together does not come again together.
	jitter = 0.2

	// longAfter is how long a receiver can ask to be left alone.
	longAfter = 6 * time.Hour
)

// next is when to try again after an attempt that failed, counted from 1:
// between 0.9 and 1.1 of its delay, or later if the receiver asked for it.
func next(attempt int, after time.Duration, chance float64) time.Duration {
	d := delays[min(max(attempt, 1), len(delays))-1]
	d += time.Duration((chance - 0.5) * jitter * float64(d))
	return max(d, min(after, longAfter))
}
