package worker

import (
	"sync/atomic"
	"time"

	"minilab/internal/lab"
)

// What an attempt is doing, and how much of it is done by then: altering takes
// most of the time, and an engine does not say how far it is.
var (
	fetching = lab.Beat{Stage: "fetching"}
	altering = lab.Beat{Stage: "altering", Progress: 0.1}
	storing  = lab.Beat{Stage: "storing", Progress: 0.9}
)

// newsEvery is how often it is looked whether there is something to be told of
// an attempt. What is done sooner costs no call.
const newsEvery = time.Second

// progress is how far an attempt is, for its heartbeats.
type progress struct{ at atomic.Pointer[lab.Beat] }

// reach notes what the attempt does from now on.
func (p *progress) reach(b lab.Beat) { p.at.Store(&b) }

func (p *progress) now() lab.Beat {
	if b := p.at.Load(); b != nil {
		return *b
	}
	return lab.Beat{}
}
