package leases

import (
	"slices"
	"sync"

	"minilab/internal/taskdb"
)

// sights counts what happened, so that histories in which nothing does are not
// taken for good ones.
type sights struct {
	mu    sync.Mutex
	count map[string]int
}

// sightsWanted are what all histories together have to show.
var sightsWanted = []string{
	"claim", "claim gone", "claim this one illegal-transition", "create", "create exists", "create idempotency-mismatch",
	"finish", "finish lease-lost", "finish canceled", "finish output-mismatch", "heartbeat", "heartbeat lease-lost", "fail", "fail lease-lost",
	"release", "release lease-lost", "cancel", "cancel illegal-transition", "retry", "retry illegal-transition", "delete",
	"the same lease again", "finished again", "finished late", "lease-expired", "workers-lost", "storage-away to the end", "decoder-crashed to the end",
	"a token that went on in another life",
}

func (s *sights) look(h *history, events []taskdb.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	leases := map[string]op{}
	done := map[string]bool{}
	ops := slices.Clone(h.ops)
	slices.SortFunc(ops, func(a, b op) int { return int(a.call - b.call) })
	for _, o := range ops {
		what := string(o.kind)
		if o.err != "" {
			what += " " + o.err
		}
		s.count[what]++
		claimed, held := leases[o.lease]
		switch {
		case o.lease == "" || o.err != "":
		case o.kind == claim && held:
			s.count["the same lease again"]++
		case o.kind == claim || o.kind == claimID:
			leases[o.lease] = o
		case o.kind == heartbeat && held:
			leases[o.lease] = o
		case o.kind == finish && done[o.lease]:
			s.count["finished again"]++
		case o.kind == finish:
			done[o.lease] = true
			if held && o.from > claimed.to+leaseTime.Microseconds() {
				s.count["finished late"]++
			}
		}
	}
	for _, e := range events {
		s.event(e)
	}
}

func (s *sights) event(e taskdb.Event) {
	switch {
	case e.From == "" && e.Token > 0:
		s.count["a token that went on in another life"]++
	case e.Error == nil:
	case isExpiry(e):
		s.count[e.Error.Code]++
	case e.State == taskdb.Failed:
		s.count[e.Error.Code+" to the end"]++
	}
}

// missing are the sights that there were not.
func (s *sights) missing() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(sightsWanted), func(what string) bool { return s.count[what] > 0 })
}
