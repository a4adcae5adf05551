package kills

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"minilab/internal/taskdb"
)

// evidence is all that is known of a lab's life after the last blow, when
// everything has ended. Each of its checks gives what must not be.
type evidence struct {
	orders  []*order
	strikes []strike
	seen    []taskdb.Event // the feed as it was followed
	events  []taskdb.Event // the feed as it is in the end
	tasks   []taskdb.Task  // every row
	counts  map[taskdb.State]int64
	files   files
}

// violations are what all the checks have found.
func (e *evidence) violations() []string {
	var all []string
	for _, check := range []func(*evidence) []string{
		(*evidence).feedLost, (*evidence).historyBroken, (*evidence).rowsApart, (*evidence).countersApart,
		(*evidence).notEnded, (*evidence).ordersLost, (*evidence).failedWithoutReason, (*evidence).bytesMissing,
		(*evidence).orphans,
	} {
		all = append(all, check(e)...)
	}
	return all
}

// feedLost finds events that somebody was told and that are gone or different
// after a restart, and a feed that does not grow.
func (e *evidence) feedLost() (bad []string) {
	for i, ev := range e.seen {
		if i >= len(e.events) || ev.Seq != e.events[i].Seq || ev.ID != e.events[i].ID || ev.State != e.events[i].State || ev.Token != e.events[i].Token {
			return []string{fmt.Sprintf("the feed told of seq %d (%s is %s) and has something else there in the end", ev.Seq, ev.ID, ev.State)}
		}
	}
	for i := 1; i < len(e.events); i++ {
		if e.events[i].Seq <= e.events[i-1].Seq {
			bad = append(bad, fmt.Sprintf("after seq %d comes %d", e.events[i-1].Seq, e.events[i].Seq))
		}
	}
	return bad
}

// historyBroken finds lives of tasks that the table of transitions does not
// have, tokens that do not grow by claims and by nothing else, and two
// publications. A task that is claimed while it is in progress, so that two
// hold a lease on it, is among them.
func (e *evidence) historyBroken() (bad []string) {
	last := map[string]taskdb.Event{}
	for _, ev := range e.events {
		before, known := last[ev.ID]
		last[ev.ID] = ev
		token := before.Token
		gotOn := ev.GotOn() && ev.Token == before.Token
		if ev.State == taskdb.InProgress && !gotOn {
			token++
		}
		switch {
		case before.Deleted:
			bad = append(bad, fmt.Sprintf("seq %d: %s was deleted and goes on", ev.Seq, ev.ID))
		case ev.Deleted:
			bad = append(bad, e.deleted(ev)...)
		case !known && (ev.From != "" || !slices.Contains(taskdb.Births, ev.State)):
			bad = append(bad, fmt.Sprintf("seq %d: the life of %s begins as %s from %q", ev.Seq, ev.ID, ev.State, ev.From))
		case !known && ev.State == taskdb.Finished && ev.Token == 1: // somebody had its results
		case known && (ev.From != before.State || !gotOn && !legal(ev.From, ev.State)):
			bad = append(bad, fmt.Sprintf("seq %d: %s was %s and goes from %q to %s", ev.Seq, ev.ID, before.State, ev.From, ev.State))
		case ev.Token != token:
			bad = append(bad, fmt.Sprintf("seq %d: %s is %s with token %d, expected %d", ev.Seq, ev.ID, ev.State, ev.Token, token))
		}
	}
	return append(bad, publishedTwice(e.events)...)
}

// deleted finds a deletion of what was taken in. Nobody deletes but a master that
// was stopped while it made a task, whose bytes may have been swept meanwhile;
// then it does not give the ticket out.
func (e *evidence) deleted(ev taskdb.Event) []string {
	if slices.ContainsFunc(e.orders, func(o *order) bool { return o.id == ev.ID }) {
		return []string{fmt.Sprintf("seq %d: %s was taken in and is deleted", ev.Seq, ev.ID)}
	}
	return nil
}

func legal(from, to taskdb.State) bool {
	return slices.ContainsFunc(taskdb.Transitions, func(t taskdb.Transition) bool { return t.From == from && t.To == to })
}

// publishedTwice does not rely on the table of transitions.
func publishedTwice(events []taskdb.Event) (bad []string) {
	published := map[string]int64{}
	for _, ev := range events {
		if ev.State != taskdb.Finished {
			continue
		}
		if first, twice := published[ev.ID]; twice {
			bad = append(bad, fmt.Sprintf("%s was published at seq %d and at %d", ev.ID, first, ev.Seq))
		}
		published[ev.ID] = ev.Seq
	}
	return bad
}

// rowsApart finds tasks whose row and whose last event differ, results that
// are not of the attempt that has published them, and wrong counts.
func (e *evidence) rowsApart() (bad []string) {
	counts := maps.Clone(e.counts)
	for _, t := range e.tasks {
		counts[t.State]--
	}
	for _, state := range taskdb.States {
		if counts[state] != 0 {
			bad = append(bad, fmt.Sprintf("%d tasks are counted as %s, and rows are %d less", e.counts[state], state, counts[state]))
		}
	}
	last := map[string]taskdb.Event{}
	for _, ev := range e.events {
		last[ev.ID] = ev
		if ev.Deleted {
			delete(last, ev.ID)
		}
	}
	for _, t := range e.tasks {
		ev := last[t.ID]
		delete(last, t.ID)
		if ev.State != t.State || ev.Token != t.Token {
			bad = append(bad, fmt.Sprintf("%s is %s with token %d; its last event says %q with %d", t.ID, t.State, t.Token, ev.State, ev.Token))
		}
		for _, o := range t.Outputs {
			key := fmt.Sprintf("%s.%d", t.ID, t.Token)
			if o.Name != "" {
				key += "." + o.Name
			}
			if t.State == taskdb.Finished && o.Key != key {
				bad = append(bad, fmt.Sprintf("%s has published %s, not %s", t.ID, o.Key, key))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(last)) {
		bad = append(bad, fmt.Sprintf("%s is in the feed and has no row, or two", id))
	}
	return bad
}

// Codes of attempts that went wrong.
const (
	codeExpired = "lease-expired"
	codeCrashed = "decoder-crashed"
)

// countersApart finds counters that are not the number of their events.
func (e *evidence) countersApart() (bad []string) {
	type counters struct{ failures, crashes, lost int }
	told := map[string]counters{}
	for _, ev := range e.events {
		c := told[ev.ID]
		switch {
		case ev.Error == nil:
		case ev.Error.Code == codeExpired:
			c.lost++
		case ev.Error.Code == codeCrashed:
			c.crashes++
		default:
			c.failures++
		}
		told[ev.ID] = c
	}
	for _, t := range e.tasks {
		if got := (counters{t.Failures, t.Crashes, t.Lost}); got != told[t.ID] {
			bad = append(bad, fmt.Sprintf("%s counts %+v, the feed %+v", t.ID, got, told[t.ID]))
		}
	}
	return bad
}

// notEnded finds tasks that nothing happens to any more: those of uploads
// without an answer must end, too.
func (e *evidence) notEnded() (bad []string) {
	for _, t := range e.tasks {
		if t.State != taskdb.Finished && t.State != taskdb.Failed {
			bad = append(bad, fmt.Sprintf("%s is %s in the end", t.ID, t.State))
		}
	}
	return bad
}

// ordersLost finds what was taken in and has no task of the same bytes or one
// that its customer was told else of, and tasks that nobody has ordered. An
// upload makes one task at the most: all their bytes differ.
func (e *evidence) ordersLost() (bad []string) {
	rows := map[string]taskdb.Task{} // by digest
	for _, t := range e.tasks {
		if _, twice := rows[t.Source.SHA256]; twice {
			bad = append(bad, fmt.Sprintf("the bytes of %s have another task", t.ID))
		}
		rows[t.Source.SHA256] = t
	}
	for _, o := range e.orders {
		t, known := rows[o.sha]
		delete(rows, o.sha)
		switch {
		case o.id == "": // there may be a task or not
		case !known || t.ID != o.id:
			bad = append(bad, fmt.Sprintf("%s was taken in and is lost: its bytes have %q", o.id, t.ID))
		case string(t.State) != o.status.Status:
			bad = append(bad, fmt.Sprintf("%s is %s, and its customer was told %q", o.id, t.State, o.status.Status))
		}
	}
	for _, t := range rows {
		bad = append(bad, fmt.Sprintf("nobody has ordered %s", t.ID))
	}
	return bad
}

// failedWithoutReason finds failed tasks. The images are good, so there is one
// reason only: engine processes were killed twice while they were at it. For
// each crash that is reported one must have been.
func (e *evidence) failedWithoutReason() (bad []string) {
	var killed []strike
	for _, s := range e.strikes {
		if s.victim == engineProcess && s.signal == killSignal && !s.missed {
			killed = append(killed, s)
		}
	}
	claimed := map[string]taskdb.Event{}
	for _, ev := range e.events {
		switch {
		case ev.GotOn():
		case ev.State == taskdb.InProgress:
			claimed[ev.ID] = ev
		case ev.State == taskdb.Failed && (ev.Error == nil || ev.Error.Code != codeCrashed):
			bad = append(bad, fmt.Sprintf("%s failed, and the reason is none: %+v", ev.ID, ev.Error))
		case ev.Error != nil && ev.Error.Code == codeCrashed:
			i := slices.IndexFunc(killed, func(s strike) bool { return s.at.After(claimed[ev.ID].Time) && s.at.Before(ev.Time) })
			if i < 0 {
				bad = append(bad, fmt.Sprintf("seq %d: the engine of %s crashed, and nobody has killed it", ev.Seq, ev.ID))
				continue
			}
			killed = slices.Delete(killed, i, i+1)
		}
	}
	return bad
}

// files are the names in the storage's folders: those of the keys, and of
// anything else.
type files map[string][]string

// Folders of the storage.
const (
	folderInProgress = "inProgress"
	folderFinished   = "finished"
)

func readFiles(data string) (files, error) {
	f := files{}
	for _, folder := range []string{folderInProgress, folderFinished} {
		list, err := os.ReadDir(filepath.Join(data, folder))
		if err != nil {
			return nil, err
		}
		for _, entry := range list {
			f[folder] = append(f[folder], entry.Name())
		}
	}
	return f, nil
}

// pointers are the files that rows point to.
func (e *evidence) pointers() map[string]map[string]bool {
	p := map[string]map[string]bool{folderInProgress: {}, folderFinished: {}}
	for _, t := range e.tasks {
		p[folderInProgress][t.Source.Key] = true
		for _, o := range t.Outputs {
			if t.State == taskdb.Finished {
				p[folderFinished][o.Key] = true
			}
		}
	}
	return p
}

// orphans are files that no row points to.
func (e *evidence) orphans() (list []string) {
	pointed := e.pointers()
	for folder, names := range e.files {
		for _, name := range names {
			if !pointed[folder][name] {
				list = append(list, folder+"/"+name+" is nobody's")
			}
		}
	}
	return list
}

// bytesMissing finds rows that point to nothing.
func (e *evidence) bytesMissing() (bad []string) {
	for folder, keys := range e.pointers() {
		for key := range keys {
			if !slices.Contains(e.files[folder], key) {
				bad = append(bad, fmt.Sprintf("a task points to %s/%s, which is not there", folder, key))
			}
		}
	}
	return bad
}
