package sqltaskdb

import (
	"testing"
	"testing/synctest"
	"time"
)

// sleep lets the bubble's time go by, and all that it sets off come to an end.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAlarmGoesOffOnceAtTheEarliest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var times []time.Duration
		a := newAlarm(func() { times = append(times, time.Since(began)) })
		a.within(time.Minute)
		a.within(time.Hour)
		a.within(time.Second)
		a.within(time.Minute)
		sleep(2 * time.Hour)
		if len(times) != 1 || times[0] != time.Second {
			t.Errorf("went off at %v", times)
		}
		a.within(-time.Hour)
		sleep(time.Second)
		if len(times) != 2 {
			t.Errorf("did not go off for a time that is past: %v", times)
		}
		a.within(time.Second)
		a.stop()
		a.within(time.Second)
		sleep(time.Hour)
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
		sleep(time.Minute)
		if n != 3 {
			t.Errorf("ran %d times", n)
		}
		a.stop()
	})
}
