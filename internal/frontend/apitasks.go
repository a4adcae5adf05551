package frontend

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"minilab/internal/auth"
	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/lab"
)

// Limits of the resources.
const (
	defaultPage = 50
	maxPage     = 500
	purgePage   = 100
	purgeTime   = 20 * time.Second // of one request that deletes many
	askAgain    = 1                // seconds, the advice to who asks for a task that goes on
)

// TaskID is a task in a path. What huma looks into is exported.
type TaskID struct {
	ID string `path:"id" doc:"The task" maxLength:"64" example:"019a9d3e-4c00-7000-8b1c-6f0f2f3d4e5a"`
}

// taskAnswer is a task.
type taskAnswer struct {
	RetryAfter   string `header:"Retry-After" doc:"Seconds; while it goes on"`
	CacheControl string `header:"Cache-Control"`
	Body         lab.Task
}

func answer(t lab.Task) *taskAnswer {
	out := &taskAnswer{CacheControl: "no-store", Body: withURLs(t)}
	if !t.State.Ended() {
		out.RetryAfter = strconv.Itoa(askAgain)
	}
	return out
}

// withURLs adds to results where they are picked up.
func withURLs(t lab.Task) lab.Task {
	if t.State != lab.Finished {
		return t
	}
	t.Outputs = slices.Clone(t.Outputs)
	for i, o := range t.Outputs {
		t.Outputs[i].URL = taskPath(t.ID) + "/result"
		if o.Name != "" {
			t.Outputs[i].URL += "/" + o.Name
		}
	}
	return t
}

func taskPath(id string) string { return prefix + "/tasks/" + id }

func (a *api) routeTasks() {
	tags := []string{"Tasks"}
	a.routeSubmit()
	resource(a, operation(huma.Operation{
		OperationID: "list-tasks", Method: http.MethodGet, Path: "/tasks", Tags: tags,
		Summary: "List tasks, the newest first", Description: "Pages are linked by cursors: ask again with `cursor` as long as there is a `next`.",
	}, auth.Read), auth.Read, a.listTasks)
	resource(a, operation(huma.Operation{
		OperationID: "purge-tasks", Method: http.MethodDelete, Path: "/tasks", Tags: tags,
		Summary: "Delete all tasks with a tag, and their images",
	}, auth.Submit), auth.Submit, a.purge)
	resource(a, operation(huma.Operation{
		OperationID: "get-task", Method: http.MethodGet, Path: "/tasks/{id}", Tags: tags,
		Summary: "Ask how far a task is",
	}, auth.Read, http.StatusNotFound), auth.Read, a.getTask)
	resource(a, operation(huma.Operation{
		OperationID: "delete-task", Method: http.MethodDelete, Path: "/tasks/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Delete a task in whatever state, and its images",
	}, auth.Submit, http.StatusNotFound), auth.Submit, func(ctx context.Context, who auth.Principal, in *TaskID) (*struct{}, error) {
		return nil, a.Customers.Delete(ctx, ref(who, in.ID))
	})
	for action, do := range map[string]struct {
		summary string
		call    func(lab.Customers, context.Context, lab.Ref) (lab.Task, error)
	}{
		"cancel": {"Cancel a task that has not ended", lab.Customers.Cancel},
		"retry":  {"Do a failed or canceled task again", lab.Customers.Retry},
	} {
		resource(a, operation(huma.Operation{
			OperationID: action + "-task", Method: http.MethodPost, Path: "/tasks/{id}/" + action, Tags: tags, Summary: do.summary,
		}, auth.Submit, http.StatusNotFound, http.StatusConflict), auth.Submit, func(ctx context.Context, who auth.Principal, in *TaskID) (*taskAnswer, error) {
			t, err := do.call(a.Customers, ctx, ref(who, in.ID))
			return answer(t), err
		})
	}
}

type getTaskIn struct {
	TaskID
	Wait string `query:"wait" doc:"How long to wait for its end, up to 60s" example:"30s"`
}

func (a *api) getTask(ctx context.Context, who auth.Principal, in *getTaskIn) (*taskAnswer, error) {
	wait, err := httpx.Duration(url.Values{"wait": {in.Wait}}, "wait", lab.MaxWait)
	if err != nil {
		return nil, err
	}
	waiting, cancel := httpx.Wait(ctx)
	defer cancel()
	t, err := a.Customers.Task(waiting, ref(who, in.ID), wait)
	if err != nil {
		return nil, err
	}
	if t.State == lab.NotStarted {
		t.Place = a.place(ctx, t.ID)
	}
	return answer(t), nil
}

// place is where a waiting task stands; nil where nobody can say.
func (a *api) place(ctx context.Context, id string) *lab.Place {
	list, err := a.Board.Places(ctx, []string{id})
	if err != nil || len(list) != 1 {
		return nil
	}
	return &list[0]
}

type listTasksIn struct {
	State  string `query:"state" enum:"not-started,in-progress,finished,failed,canceled"`
	Tag    string `query:"tag" maxLength:"128"`
	Order  string `query:"order" enum:"desc,asc" default:"desc" doc:"By age"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string `query:"cursor" maxLength:"512" doc:"The next of the page before, with the same parameters"`
}

type listTasksOut struct {
	Link         string `header:"Link" doc:"The next page"`
	CacheControl string `header:"Cache-Control"`
	Body         lab.Page
}

func (a *api) listTasks(ctx context.Context, who auth.Principal, in *listTasksIn) (*listTasksOut, error) {
	page, err := a.Customers.Tasks(ctx, lab.Filter{
		Owner: who.Owner, State: lab.State(in.State), Tag: in.Tag, Ascending: in.Order == "asc", Cursor: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := &listTasksOut{CacheControl: "no-store", Body: lab.Page{Tasks: make([]lab.Task, len(page.Tasks)), Next: page.Next}}
	for i, t := range page.Tasks {
		out.Body.Tasks[i] = withURLs(t)
	}
	if page.Next != "" {
		out.Link = fmt.Sprintf("<%s>; rel=%q", in.next(page.Next), "next")
	}
	return out, nil
}

// next is the URL of the page at the cursor.
func (in *listTasksIn) next(cursor string) string {
	q := url.Values{"limit": {strconv.Itoa(in.Limit)}, "cursor": {cursor}}
	for name, value := range map[string]string{"state": in.State, "tag": in.Tag, "order": in.Order} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return prefix + "/tasks?" + q.Encode()
}

type purgeIn struct {
	Tag string `query:"tag" required:"true" minLength:"1" maxLength:"128"`
}

type purgeOut struct {
	Body struct {
		Deleted int  `json:"deleted"`
		More    bool `json:"more" doc:"There are more of them: ask again"`
	}
}

// purge deletes page by page, for as long as a request should take.
func (a *api) purge(ctx context.Context, who auth.Principal, in *purgeIn) (*purgeOut, error) {
	out := &purgeOut{}
	for start := time.Now(); ; {
		page, err := a.Customers.Tasks(ctx, lab.Filter{Owner: who.Owner, Tag: in.Tag, Limit: purgePage})
		if err != nil {
			return nil, err
		}
		for _, t := range page.Tasks {
			switch err := a.Customers.Delete(ctx, ref(who, t.ID)); {
			case err == nil:
				out.Body.Deleted++
			case fault.KindOf(err) != fault.NotFound: // that one somebody else has deleted
				return nil, err
			}
		}
		if page.Next == "" {
			return out, nil
		}
		if time.Since(start) > purgeTime {
			out.Body.More = true
			return out, nil
		}
	}
}
