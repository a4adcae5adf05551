package sqltaskdb

import (
	"container/list"
	"slices"
	"sync"
)

// signal tells everybody who waits for it that something happened.
type signal struct {
	mu sync.Mutex
	ch chan struct{} // nil: nobody waits
}

// next is closed by the next send.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// waiters are the claims that found nothing, in the order in which they came.
// For each task that becomes ready one of them is woken, and whoever leaves
// without having taken what it was woken for passes that on.
type waiters struct {
	mu   sync.Mutex
	list list.List // of *waiter
}

type waiter struct {
	accepts []string
	place   *list.Element
	owed    map[string]int // tasks that it was woken for and has not looked for, by need
	woken   chan struct{}
}

func (w *waiters) join(accepts []string) *waiter {
	one := &waiter{accepts: accepts, woken: make(chan struct{}, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	one.place = w.list.PushBack(one)
	return one
}

func (w *waiters) none() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list.Len() == 0
}

// look takes over what the waiter was woken for; it looks for work now.
func (w *waiters) look(one *waiter) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	owed := one.owed
	one.owed = nil
	select {
	case <-one.woken:
	default:
	}
	return owed
}

// leave ends the waiting. What the waiter was woken for and did not take, and
// all that it was woken for since it looked, is passed on.
func (w *waiters) leave(one *waiter, owed map[string]int, took map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list.Remove(one.place)
	for needs, n := range owed {
		w.wakeLocked(needs, n-took[needs])
	}
	for needs, n := range one.owed {
		w.wakeLocked(needs, n)
	}
}

// wake is called when n tasks with that need have become ready.
func (w *waiters) wake(needs string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wakeLocked(needs, n)
}

func (w *waiters) wakeLocked(needs string, n int) {
	var first *waiter
	for e := w.list.Front(); e != nil && n > 0; e = e.Next() {
		one := e.Value.(*waiter)
		if !slices.Contains(one.accepts, needs) {
			continue
		}
		if first == nil {
			first = one
		}
		if len(one.owed) == 0 {
			one.owe(needs, 1)
			n--
		}
	}
	if first != nil && n > 0 {
		first.owe(needs, n) // it passes on what it does not take
	}
}

func (w *waiter) owe(needs string, n int) {
	if w.owed == nil {
		w.owed = map[string]int{}
	}
	w.owed[needs] += n
	select {
	case w.woken <- struct{}{}:
	default:
	}
}
