package leases

import (
	"fmt"
	"slices"
	"sort"

	"minilab/internal/taskdb"
)

// chains follows each task through the feed: every change is there once, in
// order, starts where the last one ended, and is one that the table permits.
// Tokens grow by one with each claim and never otherwise, also when an id is
// deleted and comes again; a life has one publication at most.
func chains(events []taskdb.Event) (faults []string) {
	last := map[string]taskdb.Event{}
	for i, e := range events {
		if i > 0 && (e.Seq <= events[i-1].Seq || e.Time.Before(events[i-1].Time)) {
			faults = append(faults, fmt.Sprintf("event %d at %v comes after %d", e.Seq, e.Time, events[i-1].Seq))
		}
		was := last[e.ID]
		if why := follows(was, e); why != "" {
			faults = append(faults, fmt.Sprintf("event %d of %s: after %+v comes %+v: %s", e.Seq, e.ID, was, e, why))
		}
		last[e.ID] = e
	}
	return faults
}

// follows is what is wrong with an event after the task's last one.
func follows(was, e taskdb.Event) string {
	state, token := was.State, was.Token
	if was.Deleted {
		state = ""
	}
	if e.State == taskdb.InProgress && !e.Deleted && !e.GotOn() {
		token++
	}
	legal := e.GotOn() || e.From == "" && e.State == taskdb.NotStarted || e.Deleted && e.State == e.From
	legal = legal || slices.ContainsFunc(taskdb.Transitions, func(t taskdb.Transition) bool { return t.From == e.From && t.To == e.State })
	switch {
	case e.From != state:
		return "it does not start where the last one ended"
	case e.Token != token:
		return fmt.Sprintf("its token is %d, not %d", e.Token, token)
	case !legal:
		return "the table does not permit it"
	}
	return ""
}

// moves are the events that change a state.
func moves(events []taskdb.Event) []taskdb.Event {
	return slices.DeleteFunc(slices.Clone(events), taskdb.Event.GotOn)
}

// agree compares the feed with what the actors were told.
func agree(h *history, events []taskdb.Event) (faults []string) {
	complain := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !slices.EqualFunc(h.tail, events, func(a, b taskdb.Event) bool { return a.Seq == b.Seq && a.ID == b.ID && a.State == b.State }) {
		complain("who read along saw %d events, there are %d", len(h.tail), len(events))
	}
	events = moves(events)
	expired := 0
	for _, e := range events {
		if isExpiry(e) {
			expired++
			if h.good[name(e.ID, e.Token)] {
				complain("the lease %s expired, whose worker was in time", name(e.ID, e.Token))
			}
		}
	}
	reaped := 0
	for _, o := range h.all(func(o op) bool { return o.kind == reap }) {
		reaped += o.reaped
	}
	if reaped != expired {
		complain("the reapers ended %d attempts, the feed tells of %d", reaped, expired)
	}
	faults = append(faults, early(h, events)...)
	faults = append(faults, told(h, events)...)
	return append(faults, inOrder(h, events)...)
}

func isExpiry(e taskdb.Event) bool {
	return e.Error != nil && (e.Error.Code == "lease-expired" || e.Error.Code == "workers-lost")
}

// early are the leases that were reaped before their time: the feed knows the
// moments of the claim and of the reaping, and a heartbeat that went well did so
// not before it was called.
func early(h *history, events []taskdb.Event) (faults []string) {
	tokens := h.tokens()
	claimed, beaten := map[string]int64{}, map[string]int64{}
	for _, o := range h.all(func(o op) bool { return o.kind == heartbeat && o.err == "" }) {
		key := name(o.id, tokens[o.lease])
		beaten[key] = max(beaten[key], o.from)
	}
	for _, e := range events {
		key, at := name(e.ID, e.Token), e.Time.UnixMicro()
		if e.State == taskdb.InProgress && !e.Deleted {
			claimed[key] = at
		}
		until := min(max(claimed[key], beaten[key])+leaseTime.Microseconds(), claimed[key]+deadline.Microseconds())
		if isExpiry(e) && at <= until {
			faults = append(faults, fmt.Sprintf("the lease %s was reaped %d µs before its end", key, until-at))
		}
	}
	return faults
}

// what says which calls can have caused an event, and under what name.
func what(e taskdb.Event) (k kind, key string) {
	key = name(e.ID, e.Token)
	switch {
	case e.Deleted:
		return remove, e.ID
	case e.From == "":
		return create, e.ID
	case e.State == taskdb.InProgress:
		return claim, key
	case e.State == taskdb.Finished:
		return finish, key
	case isExpiry(e):
		return reap, key
	case e.From == taskdb.InProgress && e.Error != nil:
		return fail, key
	case e.From == taskdb.InProgress && e.State == taskdb.NotStarted:
		return release, key
	case e.State == taskdb.Canceled:
		return cancel, e.ID
	}
	return retry, e.ID
}

// told counts: what went well is in the feed as often as it was told, and the
// other way round. A finish and a cancel may be told again; work that was
// claimed for somebody who had gone is told to nobody.
func told(h *history, events []taskdb.Event) (faults []string) {
	inFeed := map[string]int{}
	for _, e := range events {
		if k, key := what(e); k != reap {
			inFeed[string(k)+" "+key]++
		}
	}
	tokens := h.tokens()
	answered := map[string]int{}
	for _, o := range h.ops {
		if key := answeredKey(o, tokens); key != "" {
			answered[key]++
		}
	}
	for key, n := range answered {
		once := !(len(key) > 6 && (key[:6] == "finish" || key[:6] == "cancel" || key[:6] == "claim "))
		if inFeed[key] == 0 || once && n != inFeed[key] {
			faults = append(faults, fmt.Sprintf("%q was told %d times, and is in the feed %d times", key, n, inFeed[key]))
		}
	}
	vanished := len(h.all(func(o op) bool { return o.err == gone })) > 0
	for key, n := range inFeed {
		lossy := vanished && (key[:6] == "claim " || key[:7] == "release")
		if answered[key] == 0 && !lossy {
			faults = append(faults, fmt.Sprintf("%q is in the feed %d times, and was told to nobody", key, n))
		}
	}
	return faults
}

// tokens are the tokens of the leases.
func (h *history) tokens() map[string]int64 {
	m := map[string]int64{}
	for _, o := range h.all(func(o op) bool { return (o.kind == claim || o.kind == claimID) && o.err == "" && o.id != "" }) {
		m[o.lease] = o.token
	}
	return m
}

// answeredKey names what a call was told to have done; empty for nothing.
func answeredKey(o op, tokens map[string]int64) string {
	switch {
	case o.err != "" || o.kind == get || o.kind == reap || o.kind == heartbeat || o.id == "":
		return ""
	case o.kind == create && !o.created:
		return ""
	case o.kind == create || o.kind == cancel || o.kind == retry || o.kind == remove:
		return string(o.kind) + " " + o.id
	case o.kind == claimID:
		return string(claim) + " " + name(o.id, o.token)
	case o.kind == claim:
		return string(claim) + " " + name(o.id, o.token)
	}
	return string(o.kind) + " " + name(o.id, tokens[o.lease])
}

// inOrder wants the feed to be in the order of commits: what had been answered
// before something else was asked for comes first.
func inOrder(h *history, events []taskdb.Event) (faults []string) {
	tokens := h.tokens()
	calls := map[string][]op{}
	for _, o := range h.ops {
		if key := answeredKey(o, tokens); key != "" {
			calls[key] = append(calls[key], o)
		}
	}
	begun, by := int64(0), taskdb.Event{}
	for _, e := range events {
		k, key := what(e)
		list := calls[string(k)+" "+key]
		if len(list) != 1 || h.repeated(list[0]) {
			continue // whose doing it was is not certain
		}
		if o := list[0]; o.ret < begun {
			faults = append(faults, fmt.Sprintf("%v was answered before the cause of event %d began, and is event %d", o, by.Seq, e.Seq))
		} else if o.call > begun {
			begun, by = o.call, e
		}
		if at := e.Time.UnixMicro(); at < list[0].from || at > list[0].to {
			faults = append(faults, fmt.Sprintf("%v is in the feed at %d", list[0], at))
		}
	}
	return faults
}

// repeated says that the claim repeats one whose caller had gone.
func (h *history) repeated(o op) bool {
	return o.kind == claim && len(h.all(func(v op) bool { return v.err == gone && v.worker == o.worker && v.request == o.request })) > 0
}

// keys wants one task for each idempotency key, whoever asked for it first.
func keys(h *history) (faults []string) {
	type answer struct {
		id, hash string
		created  int
	}
	got := map[string]*answer{}
	list := h.all(func(o op) bool { return o.key != "" })
	sort.Slice(list, func(i, j int) bool { return list[i].created && !list[j].created })
	for _, o := range list {
		a := got[o.key]
		if a == nil {
			a = &answer{id: o.seen.ID, hash: o.hash}
			got[o.key] = a
		}
		if o.created {
			a.created++
		}
		refused := o.err == "idempotency-mismatch"
		if refused != (o.hash != a.hash) || !refused && (o.err != "" || o.seen.ID != a.id) || a.created != 1 {
			faults = append(faults, fmt.Sprintf("key %s: %v of %q, the first made %q; %d were created", o.key, o, o.seen.ID, a.id, a.created))
		}
	}
	return faults
}
