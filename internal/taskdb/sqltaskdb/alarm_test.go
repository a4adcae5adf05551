package sqltaskdb

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAlarmGoesOffOnceAtTheEarliest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var times []time.Duration
		a := newAlarm(func() { times = append(times, time.Since(began)) })
		a.within(time.Minute)
		a.within(time.Hour)
		a.within(time.Second)
		a.within(time.Minute)
		time.Sleep(2 * time.Hour)
		if len(times) != 1 || times[0] != time.Second {
			t.Errorf("went off at %v", times)
		}
		a.within(-time.Hour)
		time.Sleep(time.Second)
		if len(times) != 2 {
			t.Errorf("did not go off for a time that is past: %v", times)
		}
		a.within(time.Second)
		a.stop()
		a.within(time.Second)
		time.Sleep(time.Hour)
		if len(times) != 2 {
			t.Errorf("went off after its stop: %v", times)
		}
	})
}

func TestAlarmIsArmedAgainByWhatItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		var a *alarm
		a = newAlarm(func() {
			if n++; n < 3 {
				a.within(time.Second)
			}
		})
		a.within(time.Second)
		time.Sleep(time.Minute)
		if n != 3 {
			t.Errorf("ran %d times", n)
		}
		a.stop()
	})
}
