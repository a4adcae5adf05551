package leases

import (
	"fmt"
	"slices"
	"strings"

	"minilab/internal/taskdb"
)

// story is what happened to one task, for the person who has to find out why.
func story(id, why string, list []op, events []taskdb.Event) string {
	lines := []string{fmt.Sprintf("%s: %s", id, why)}
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b op) int { return int(a.call - b.call) })
	for _, o := range sorted {
		if o.kind != reap { // the feed tells whose attempts ended
			lines = append(lines, "  "+o.String())
		}
	}
	for _, e := range events {
		if e.ID == id {
			lines = append(lines, fmt.Sprintf("  event %d t=%d %s>%s token %d deleted %v", e.Seq, e.Time.UnixMicro()%1e10, e.From, e.State, e.Token, e.Deleted))
		}
	}
	return strings.Join(lines, "\n")
}
