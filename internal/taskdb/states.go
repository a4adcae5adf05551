package taskdb

import "slices"

// State is where a task is in its life.
type State string

// The states, as they are written everywhere.
const (
	NotStarted State = "not-started"
	InProgress State = "in-progress"
	Finished   State = "finished"
	Failed     State = "failed"
	Canceled   State = "canceled"
)

// States are all of them, in the order of a task's life.
var States = []State{NotStarted, InProgress, Finished, Failed, Canceled}

// Births are the states in which a task can begin: one whose results are there
// already begins finished.
var Births = []State{NotStarted, Finished}

// Ended says whether nothing more happens by itself.
func (s State) Ended() bool { return s == Finished || s == Failed || s == Canceled }

// Valid says whether it is a state at all.
func (s State) Valid() bool { return slices.Contains(States, s) }

// Action is what can happen to a task.
type Action string

// The actions. Fail and Expire lead to one of two states; Judge decides.
const (
	ActClaim   Action = "claim"
	ActFinish  Action = "finish"
	ActRelease Action = "release"
	ActFail    Action = "fail"
	ActExpire  Action = "expire"
	ActCancel  Action = "cancel"
	ActRetry   Action = "retry"
)

// Transition is one permitted change of state.
type Transition struct {
	From   State
	Action Action
	To     State
}

// Transitions are all that may happen; docs/states.md draws them.
var Transitions = []Transition{
	{NotStarted, ActClaim, InProgress},
	{NotStarted, ActCancel, Canceled},
	{InProgress, ActFinish, Finished},
	{InProgress, ActRelease, NotStarted},
	{InProgress, ActFail, NotStarted},
	{InProgress, ActFail, Failed},
	{InProgress, ActExpire, NotStarted},
	{InProgress, ActExpire, Failed},
	{InProgress, ActCancel, Canceled},
	{Failed, ActRetry, NotStarted},
	{Canceled, ActRetry, NotStarted},
}

// CheckTransition is ErrTransition unless the action may lead from one state
// to the other.
func CheckTransition(from State, a Action, to State) error {
	if slices.Contains(Transitions, Transition{from, a, to}) {
		return nil
	}
	return ErrTransition.Detailf("a task that is %s cannot become %s", from, to)
}
