package sqltaskdb

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"minilab/internal/hook"
	"minilab/internal/sqlitedb"
	"minilab/internal/taskdb"
)

// TestPlans wants every query that is run often to be answered by an index: a
// scan that costs nothing in a test costs seconds with a million tasks.
func TestPlans(t *testing.T) {
	db := schema(t)
	needs := []string{"a", "b"}
	lanes := union(needs, laneQuery)
	oldest := union(needs, oldestQuery)
	for name, c := range map[string]struct {
		query string
		want  []string // indexes that are used
	}{
		"insert":      {insertTask, nil},
		"get":         {selectTask, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"key":         {selectKey, []string{"PRIMARY KEY (owner=? AND key=?)"}},
		"cancel":      {cancelTask, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"retry":       {retryTask, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"delete":      {deleteTask, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"due":         {nextDue, []string{"tasks_due"}},
		"promote":     {promote, []string{"tasks_due (run_at<?)"}},
		"served":      {served, []string{"PRIMARY KEY (owner=? AND priority=?)", "lanes_turn"}},
		"one lane":    {laneQuery, []string{"lanes_next (needs=?)"}},
		"lanes":       {lanes, []string{"lanes_next (needs=?)"}},
		"oldest":      {oldestQuery, []string{"tasks_ready (owner=? AND priority=? AND needs=?)"}},
		"oldest of 2": {oldest, []string{"tasks_ready (owner=? AND priority=? AND needs=?)"}},
		"again":       {takeAgain, []string{"tasks_request (worker=? AND request=?)"}},
		"held":        {selectHeld, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"beat":        {beat, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"finish":      {finishTask, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"release":     {releaseTask, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"end":         {endAttempt, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"expired":     {selectExpired, []string{"tasks_lease (lease_until>? AND lease_until<?)"}},
		"any lease":   {anyLease, []string{"PRIMARY KEY (state=?)"}},
		"events":      {selectEvents, []string{"INTEGER PRIMARY KEY (rowid>?)"}},
		"gone":        {lastGone, []string{"INTEGER PRIMARY KEY (rowid<?)"}},
		"keys":        {dropKeys, []string{"idempotency_expiry (expires_at<?)"}},
		"tombstones":  {dropTombstones, []string{"tombstones_age (deleted_at<?)"}},
		"in a trigger": {`SELECT 1 FROM tasks WHERE ready = 1 AND owner = ? AND priority = ? AND needs = ?`,
			[]string{"tasks_ready (owner=? AND priority=? AND needs=?)"}},
		"due lanes":     {dueLanes([]string{"a", "b"}), []string{"outbox_lanes_next"}},
		"due delivery":  {dueIn, []string{"outbox_due (endpoint=? AND next_at<?)", "w USING PRIMARY KEY (id=?)", "c USING PRIMARY KEY (owner=?)"}},
		"hold":          {holdDelivery, []string{"INTEGER PRIMARY KEY (rowid=?)"}},
		"lane":          {openLane, []string{"outbox_due (endpoint=?)"}},
		"report":        {selectHold, []string{"outbox_message (message=?)"}},
		"attempts":      {dropAttempts, []string{"outbox_attempts_delivery (delivery=?"}},
		"newest":        {newestDelivery, nil},
		"old messages":  {dropDeliveries, []string{"outbox_ended (ended_at>? AND ended_at<?)"}},
		"many messages": {dropBeyond, []string{"INTEGER PRIMARY KEY (rowid<?)"}},
		"redeliver":     {selectDelivery, []string{"outbox_message (message=?)", "w USING PRIMARY KEY (id=?)"}},
		"webhooks":      {selectWebhooks, []string{"webhooks_owner (owner=?)"}},
		"tell":          {tell, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"place":         {selectWaiting, []string{"sqlite_autoindex_tasks_1 (id=?)"}},
		"older":         {countOlder, []string{"COVERING INDEX tasks_ready (owner=? AND priority=? AND needs=? AND (created_at,id)>(?,?) AND (created_at,id)<(?,?))"}},
		"lengths":       {selectLanes, []string{"lanes_next (needs=? AND priority=?)", "COVERING INDEX tasks_ready (owner=? AND priority=? AND needs=?)"}},
		"next level":    {nextLevel, []string{"lanes_next (needs=? AND priority<?)"}},
		"several lanes": {countLanes, []string{"lanes_next (needs=? AND priority=?)"}},
		"pace":          {selectPace, []string{"PRIMARY KEY (second>?)"}},
		"stats":         {selectStats, []string{"tasks_due (run_at>?)", "tasks_oldest"}},
	} {
		t.Run(name, func(t *testing.T) { wantPlan(t, db, c.query, c.want...) })
	}
}

func TestPlansOfLists(t *testing.T) {
	db := schema(t)
	for name, c := range map[string]struct {
		f    taskdb.Filter
		want string
	}{
		"all":             {taskdb.Filter{}, "sqlite_autoindex_tasks_1 (id>?)"},
		"state":           {taskdb.Filter{State: taskdb.Failed}, "tasks_state (state=? AND id>?)"},
		"owner":           {taskdb.Filter{Owner: "o"}, "tasks_owner (owner=? AND id>?)"},
		"owner and state": {taskdb.Filter{Owner: "o", State: taskdb.Failed}, "tasks_owner_state (owner=? AND state=? AND id>?)"},
		"tag":             {taskdb.Filter{Tag: "t"}, "g USING PRIMARY KEY (tag=? AND task_id>?)"},
		"tag and owner":   {taskdb.Filter{Tag: "t", Owner: "o"}, "task_tags_owner (owner=? AND tag=? AND task_id>?)"},
		"tag and state":   {taskdb.Filter{Tag: "t", State: taskdb.Failed}, "g USING PRIMARY KEY (tag=? AND task_id>?)"},
		"fingerprint": {taskdb.Filter{Owner: "o", State: taskdb.Finished, Fingerprint: "f"},
			"tasks_fingerprint (owner=? AND fingerprint=? AND id>?)"},
		"expired": {taskdb.Filter{ExpiredBy: time.Now()}, "tasks_expiry (expires_at>? AND expires_at<?)"},
	} {
		for _, descending := range []bool{false, true} {
			c.f.Descending = descending
			query, _ := listQuery(c.f, "x", 10)
			t.Run(name, func(t *testing.T) {
				want := c.want
				if descending {
					want = strings.NewReplacer("id>?", "id<?").Replace(want)
				}
				wantPlan(t, db, query, want)
			})
		}
	}
}

func TestPlansOfDeliveries(t *testing.T) {
	db := schema(t)
	for want, f := range map[string]hook.Filter{
		"outbox_owner (owner=? AND id<?)":  {},
		"outbox_task (task_id=? AND id<?)": {Task: "t"},
		"outbox_hook (hook=? AND id<?)":    {Webhook: "w"},
	} {
		f.Owner = "o"
		query, _ := deliveriesQuery(f, 9, 10)
		wantPlan(t, db, query, want)
	}
	query, _ := deliveriesQuery(hook.Filter{Owner: "o", Task: "t", Webhook: "w"}, 9, 10)
	wantPlan(t, db, query, "outbox_task (task_id=? AND id<?)")
}

// wantPlan wants a query to use the indexes and to scan no table.
func wantPlan(t *testing.T, db *sqlitedb.Reader, query string, indexes ...string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, args(query))...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, zero int
		var step string
		if err := rows.Scan(&id, &parent, &zero, &step); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(plan, "\n")
	for _, index := range indexes {
		if !strings.Contains(text, index) {
			t.Errorf("%s is not used:\n%s\n%s", index, query, text)
		}
	}
	for _, step := range plan {
		small := strings.Contains(step, "counts") || strings.Contains(step, "compaction") || strings.Contains(step, "CONSTANT") || strings.Contains(step, "throughput")
		if strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "USING") && step != "SCAN u" && !strings.HasPrefix(step, "SCAN (") && !small {
			t.Errorf("a whole table is read: %s\n%s", step, query)
		}
	}
	if strings.Contains(text, "TEMP B-TREE") && !strings.Contains(query, "UNION") && !strings.Contains(query, "expires_at") {
		t.Errorf("it is sorted:\n%s\n%s", query, text)
	}
}

// args is how many arguments a query has.
func args(query string) int {
	for n := 20; n > 0; n-- {
		if strings.Contains(query, "?"+string(rune('0'+n%10))) && n < 10 || n >= 10 && strings.Contains(query, "?1"+string(rune('0'+n-10))) {
			return n
		}
	}
	return strings.Count(query, "?")
}

func schema(t *testing.T) *sqlitedb.Reader {
	t.Helper()
	db, err := sqlitedb.Open(context.Background(), t.TempDir()+"/taskdb.db", os.DirFS("sqlite/migrations"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.Read()
}
