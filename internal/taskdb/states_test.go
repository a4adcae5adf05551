package taskdb_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"minilab/internal/taskdb"
)

var birth = regexp.MustCompile(`(?m)^ +\[\*\] --> ([a-z-]+) : create$`)

var arrow = regexp.MustCompile(`(?m)^ +([a-z-]+) --> ([a-z-]+) : ([a-z]+)$`)

func TestStatesAreDrawnAsTheyAre(t *testing.T) {
	page, err := os.ReadFile("../../docs/states.md")
	if err != nil {
		t.Fatal(err)
	}
	var drawn []taskdb.Transition
	for _, m := range arrow.FindAllStringSubmatch(string(page), -1) {
		drawn = append(drawn, taskdb.Transition{From: taskdb.State(m[1]), Action: taskdb.Action(m[3]), To: taskdb.State(m[2])})
	}
	for _, tr := range drawn {
		if !slices.Contains(taskdb.Transitions, tr) {
			t.Errorf("drawn, but not possible: %v", tr)
		}
	}
	for _, tr := range taskdb.Transitions {
		if !slices.Contains(drawn, tr) {
			t.Errorf("possible, but not drawn: %v", tr)
		}
	}
	if len(drawn) != len(taskdb.Transitions) {
		t.Errorf("%d arrows for %d transitions", len(drawn), len(taskdb.Transitions))
	}
	var begun []taskdb.State
	for _, m := range birth.FindAllStringSubmatch(string(page), -1) {
		begun = append(begun, taskdb.State(m[1]))
	}
	if !slices.Equal(begun, taskdb.Births) {
		t.Errorf("drawn to begin: %v, possible: %v", begun, taskdb.Births)
	}
}

func TestOnlyTheTableIsPermitted(t *testing.T) {
	actions := []taskdb.Action{taskdb.ActClaim, taskdb.ActFinish, taskdb.ActRelease, taskdb.ActFail, taskdb.ActExpire, taskdb.ActCancel, taskdb.ActRetry}
	for _, from := range taskdb.States {
		for _, to := range taskdb.States {
			for _, a := range actions {
				permitted := slices.Contains(taskdb.Transitions, taskdb.Transition{From: from, Action: a, To: to})
				if got := taskdb.CheckTransition(from, a, to) == nil; got != permitted {
					t.Errorf("%s from %s to %s: %v, want %v", a, from, to, got, permitted)
				}
			}
		}
		if from == taskdb.Finished && slices.ContainsFunc(taskdb.Transitions, func(tr taskdb.Transition) bool { return tr.From == from }) {
			t.Error("something leads out of finished")
		}
	}
}
