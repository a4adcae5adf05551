package leases

import (
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"minilab/internal/taskdb"
)

// searchTime bounds the search for an order of one task's calls. Where there
// is one it takes milliseconds; a search that is not through is a fault too.
const searchTime = 20 * time.Second

// machine is the row's rules, in the words of the checker.
func machine() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{row{}} },
		Step: func(state, input, _ any) (list []any) {
			for _, r := range state.(row).next(input.(op)) {
				list = append(list, r)
			}
			return list
		},
	}
	return model.ToModel()
}

// linear says of which tasks the calls cannot have happened in any order that
// the rules permit: each call at one moment between its beginning and its end.
func linear(h *history, events []taskdb.Event, search time.Duration) (faults []string) {
	for _, id := range h.ids() {
		list := append(h.about(id), h.unseen(id, events)...)
		var ops []porcupine.Operation
		for _, o := range list {
			ops = append(ops, porcupine.Operation{ClientId: o.client, Input: o, Call: o.call, Return: o.ret})
		}
		if got := porcupine.CheckOperationsTimeout(machine(), ops, search); got != porcupine.Ok {
			faults = append(faults, story(id, string(got), list, events))
		}
	}
	return faults
}

// unseen are the claims on a task whose answers nobody read, and the releases
// of what was claimed for somebody who had gone. The feed knows of them; that
// they are possible at all is checked here.
func (h *history) unseen(id string, events []taskdb.Event) (list []op) {
	for _, e := range events {
		if e.ID != id || e.Deleted || !(e.State == taskdb.InProgress || e.From == taskdb.InProgress && e.State == taskdb.NotStarted && e.Error == nil) {
			continue
		}
		claimed, vanished := h.claimsOf(id, e.Token)
		if len(vanished) == 0 {
			continue
		}
		o := op{kind: release, id: id, call: vanished[0].call, ret: math.MaxInt64, from: e.Time.UnixMicro(), to: e.Time.UnixMicro(), lease: "unseen", token: e.Token}
		if len(claimed) > 0 {
			o.lease, o.worker, o.request = claimed[0].lease, claimed[0].worker, claimed[0].request
		}
		switch {
		case e.State == taskdb.InProgress:
			o.kind = claim
			list = append(list, o)
		case !slices.ContainsFunc(h.ops, func(r op) bool { return r.kind == release && r.err == "" && r.id == id && r.lease == o.lease }):
			list = append(list, o)
		}
	}
	return list
}

// claimsOf are the claims that were answered with a token, and the calls that
// may have claimed it without an answer.
func (h *history) claimsOf(id string, token int64) (claimed, vanished []op) {
	claimed = h.all(func(o op) bool {
		return o.id == id && o.token == token && o.lease != "" && o.err == "" && o.kind != heartbeat
	})
	vanished = h.all(func(o op) bool {
		return o.err == gone && (len(claimed) == 0 || claimed[0].worker == o.worker && claimed[0].request == o.request)
	})
	slices.SortFunc(vanished, func(a, b op) int { return int(a.call - b.call) })
	return claimed, vanished
}
