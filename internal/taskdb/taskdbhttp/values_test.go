package taskdbhttp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// TestManyValues has tasks whose workers told the most facts that they may: a
// page is as large as its reader takes.
func TestManyValues(t *testing.T) {
	s := engine(t, sqltaskdb.Options{})
	c := client(t, serve(t, t.Context(), s).URL)
	const tasks = 20
	facts := `{"histogram":[` + strings.Repeat("0,", 32000) + `0]}`
	for i := range tasks {
		id := fmt.Sprintf("t%d", i)
		if _, _, err := c.Create(t.Context(), taskdb.Task{ID: id, Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: id}, Keep: time.Microsecond}); err != nil {
			t.Fatal(err)
		}
		list, err := c.Claim(t.Context(), taskdb.ClaimRequest{Worker: "w", ID: id})
		if err != nil {
			t.Fatal(err)
		}
		outputs := []taskdb.Output{{Blob: taskdb.Blob{Key: "k", SHA256: "x"}}}
		errs, err := c.Finish(t.Context(), []taskdb.Finish{{ID: id, Lease: list[0].Lease, Facts: []byte(facts), Outputs: outputs}})
		if err != nil || errs[0] != nil {
			t.Fatal(errs, err)
		}
	}
	for n, f := 0, (taskdb.Filter{}); ; {
		page, err := c.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Tasks)
		if f.Cursor = page.Next; f.Cursor == "" {
			if n != tasks {
				t.Errorf("%d tasks are listed", n)
			}
			break
		}
	}
	time.Sleep(time.Millisecond) // they are past their time
	gone, err := c.Expire(t.Context(), 0)
	if err != nil || len(gone) != tasks || gone[0].Outputs[0].Key != "k" {
		t.Errorf("%d have expired: %v", len(gone), err)
	}
}
