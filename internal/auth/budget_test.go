package auth

import (
	"testing"
	"time"
)

// TestClockThatIsSetBack takes no look-up away; only time that passes gives some.
func TestClockThatIsSetBack(t *testing.T) {
	var b budget
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	taken := 0
	for range lookupBurst + 1 {
		if now = now.Add(-time.Hour); b.take(now.Add(30 * 24 * time.Hour)) {
			taken++
		}
	}
	if taken != lookupBurst {
		t.Errorf("%d of %d look-ups", taken, lookupBurst)
	}
	if now = now.Add(30*24*time.Hour + time.Second); !b.take(now) {
		t.Error("none after a second")
	}
}
