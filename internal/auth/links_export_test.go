package auth

import "time"

// SetClock has links live at another time.
func (l *Links) SetClock(now func() time.Time) { l.now = now }
