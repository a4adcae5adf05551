package taskdb

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// How often a task is tried before it is given up.
const (
	MaxFailures = 5
	MaxCrashes  = 2
	MaxLost     = 20
)

// Backoff of the n-th failure is rand(0, min(backoffMax, backoffBase * 2^n)):
// "full jitter", see Marc Brooker, Exponential Backoff And Jitter, AWS
// Architecture Blog, 2015.
const (
	backoffBase = time.Second
	backoffMax  = 5 * time.Minute
)

// crashCodes are failures in which a living worker saw its engine process die.
var crashCodes = []string{"decoder-crashed", "decoder-timeout", "decoder-memory"}

// Verdict is what becomes of a task after an attempt went wrong.
type Verdict struct {
	State                   State // NotStarted or Failed
	Failures, Crashes, Lost int   // the counters from now on
	Backoff                 int   // n for the delay before the next attempt; 0: none
	Error                   Error
}

// Judge says what becomes of a task whose attempt was reported as failed. An
// error that would come again fails the task at once; a crash of the engine
// fails it the second time; any other error is retried with a backoff until it
// is the MaxFailures-th.
func Judge(t Task, f Failure) Verdict {
	v := Verdict{State: NotStarted, Failures: t.Failures, Crashes: t.Crashes, Lost: t.Lost, Error: ClampError(f.Error)}
	switch {
	case !f.Retry:
		v.State = Failed
	case slices.Contains(crashCodes, f.Code):
		v.Crashes++
		v.Backoff = v.Crashes
		if v.Crashes >= MaxCrashes {
			v.State = Failed
		}
	default:
		v.Failures++
		v.Backoff = v.Failures
		if v.Failures >= MaxFailures {
			v.State = Failed
		}
	}
	return v
}

// JudgeExpired says what becomes of a task whose lease has expired: its worker
// is presumed dead, which is not the task's fault, until it happens too often.
func JudgeExpired(t Task) Verdict {
	v := Verdict{State: NotStarted, Failures: t.Failures, Crashes: t.Crashes, Lost: t.Lost + 1}
	v.Error = Error{Code: "lease-expired", Detail: "the worker was not heard of in time"}
	if v.Lost >= MaxLost {
		v.State = Failed
		v.Error = Error{Code: "workers-lost", Detail: "every worker that tried this image was lost on the way"}
	}
	return v
}

// Backoff is the delay before the next attempt after the n-th failure; 0 for
// n = 0.
func Backoff(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	ceiling := min(float64(backoffMax), float64(backoffBase)*math.Exp2(float64(n)))
	return rand.N(time.Duration(ceiling))
}
