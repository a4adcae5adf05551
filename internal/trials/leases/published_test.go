package leases

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// published looks at the end: whatever was created and not deleted is there,
// in the listing too; what is finished points to bytes that are in the storage
// with that digest, and they are those of a finish that was told to have
// succeeded; no other finish of that life was.
func (tr *trial) published(events []taskdb.Event) (faults []string) {
	complain := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	all := map[string]taskdb.Task{}
	for f := (taskdb.Filter{Limit: 10}); ; {
		page, err := tr.tasks.List(tr.Context(), f)
		must(tr.T, err)
		for _, t := range page.Tasks {
			all[t.ID] = t
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	for _, id := range tr.h.ids() {
		alive := tr.alive(id, events)
		if t, there := all[id]; alive && !there {
			complain("%s was created, and is nowhere", id)
		} else if there && t.State == taskdb.Finished {
			if why := tr.sound(t, events); why != "" {
				complain("%s: %s", id, why)
			}
		}
	}
	return faults
}

// alive says that the task was told to have been created, and not deleted since.
func (tr *trial) alive(id string, events []taskdb.Event) bool {
	count := func(k kind) int {
		return len(tr.h.all(func(o op) bool { return o.kind == k && o.id == id && o.err == "" && (o.created || k == remove) }))
	}
	return count(create) > count(remove)
}

// sound is what is wrong with a publication.
func (tr *trial) sound(t taskdb.Task, events []taskdb.Event) string {
	out := t.Outputs[0]
	o, err := tr.images.Get(tr.Context(), storage.Finished, out.Key, storage.Part{})
	if err != nil {
		return fmt.Sprintf("the result %q cannot be read: %v", out.Key, err)
	}
	defer o.Body.Close()
	data, err := io.ReadAll(o.Body)
	sum := sha256.Sum256(data)
	if err != nil || hex.EncodeToString(sum[:]) != out.SHA256 || int64(len(data)) != out.Size {
		return fmt.Sprintf("the result %q is not the bytes that the row tells of: %v", out.Key, err)
	}
	var born int64 // event of its present life
	for _, e := range events {
		if e.ID == t.ID && e.From == "" && !e.Deleted {
			born = e.Token
		}
	}
	accepted := tr.h.all(func(o op) bool { return o.kind == finish && o.id == t.ID && o.err == "" })
	tokens := tr.h.tokens()
	accepted = slices.DeleteFunc(accepted, func(o op) bool { return tokens[o.lease] <= born })
	for _, a := range accepted {
		if a.outputs != fingerprint(out.Key, out.Size, out.SHA256) || !strings.HasPrefix(a.outputs, name(t.ID, t.Token)+" ") {
			return fmt.Sprintf("it points to %q, and this succeeded: %v", out.Key, a)
		}
	}
	if len(accepted) == 0 {
		return "it is finished, but nobody was told to have finished it"
	}
	return ""
}
