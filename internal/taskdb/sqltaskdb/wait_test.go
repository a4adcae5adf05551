package sqltaskdb

import "testing"

// woken wants just these of the waiters to have been woken and not to have
// looked yet.
func woken(t *testing.T, all []*waiter, want ...*waiter) {
	t.Helper()
	expected := map[*waiter]bool{}
	for _, w := range want {
		expected[w] = true
	}
	for i, w := range all {
		if got := len(w.woken) > 0; got != expected[w] {
			t.Errorf("waiter %d: woken %v, want %v", i, got, expected[w])
		}
	}
}

func join(w *waiters, accepts ...[]string) (list []*waiter) {
	for _, a := range accepts {
		list = append(list, w.join(a))
	}
	return list
}

var (
	x  = []string{"x"}
	xy = []string{"x", "y"}
	yz = []string{"y", "z"}
)

func TestOneWaiterWakesForEachTask(t *testing.T) {
	var w waiters
	l := join(&w, x, x, x)
	w.wake("x", 2)
	woken(t, l, l[0], l[1])
	w.wake("x", 1)
	woken(t, l, l...)
}

func TestOnlyWhoAcceptsIsWoken(t *testing.T) {
	var w waiters
	l := join(&w, x, yz)
	w.wake("z", 5)
	w.wake("nothing", 1)
	woken(t, l, l[1])
}

func TestWhoLeavesPassesOn(t *testing.T) {
	var w waiters
	l := join(&w, x, x, x)
	w.wake("x", 1)
	w.leave(l[0], nil, nil) // without having looked
	woken(t, l[1:], l[1])
	w.leave(l[1], w.look(l[1]), nil) // having looked, but without an answer
	woken(t, l[2:], l[2])
	w.leave(l[2], w.look(l[2]), map[string]int{"x": 1})
	if !w.none() {
		t.Error("somebody is left")
	}
}

func TestWhoTookOtherWorkPassesOn(t *testing.T) {
	var w waiters
	l := join(&w, xy, x)
	w.wake("y", 1)
	w.wake("x", 1)
	woken(t, l, l...)
	w.look(l[1])
	w.wake("y", 1) // nobody but the first accepts it
	w.wake("x", 1)
	owed := w.look(l[0])
	woken(t, l, l[1])
	w.look(l[1])
	w.leave(l[0], owed, map[string]int{"y": 2})
	woken(t, l[1:])
}

func TestWhatComesWhileLookingIsPassedOn(t *testing.T) {
	var w waiters
	l := join(&w, xy, xy)
	w.wake("x", 1)
	owed := w.look(l[0])
	w.wake("y", 1) // it is the first one's again, who has looked already
	woken(t, l, l[0])
	w.leave(l[0], owed, map[string]int{"x": 1})
	woken(t, l[1:], l[1])
}

func TestMoreWorkThanWaitersIsOwed(t *testing.T) {
	var w waiters
	l := join(&w, x)
	w.wake("x", 3)
	l = append(l, w.join(x))
	w.leave(l[0], w.look(l[0]), map[string]int{"x": 1})
	woken(t, l[1:], l[1])
}
