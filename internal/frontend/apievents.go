package frontend

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"minilab/internal/auth"
	"minilab/internal/frontend/live"
	"minilab/internal/httpx"
)

// eventsIn is what the stream of events takes.
type eventsIn struct {
	Task        []string `query:"task,explode" maxItems:"1000" doc:"Tasks to tell of, each in a parameter of its own; the stream ends when all of them have ended"`
	Tag         string   `query:"tag" maxLength:"128" doc:"Instead: all tasks with this tag"`
	LastEventID string   `header:"Last-Event-ID" doc:"Go on after the event that has this id"`
}

func (a *api) routeEvents() {
	hub := live.New(live.Config{Customers: a.Customers, Board: a.Board, Log: a.Log})
	op := operation(huma.Operation{
		OperationID: "watch-tasks", Method: http.MethodGet, Path: "/events", Tags: []string{"Tasks"}, Summary: "Watch tasks while they are done",
		Description: "A stream of server-sent events: `queued`, `started`, `progress`, `finished`, `failed`, `canceled`, `retried` and `deleted`, and `end` when all the named tasks have ended. " +
			"It begins with the present state of each named task. Without `task` and `tag` it tells of all tasks of the caller, as things happen. " +
			"Go on after a break with the header Last-Event-ID, at any frontend.",
		Responses: map[string]*huma.Response{"200": {Description: "The stream; the data of an event is JSON", Content: map[string]*huma.MediaType{
			"text/event-stream": {
				Schema:  &huma.Schema{Type: huma.TypeString},
				Example: "id: 12\nevent: progress\ndata: {\"task\":\"019a9d3e-4c00-7000-8b1c-6f0f2f3d4e5a\",\"state\":\"in-progress\",\"progress\":0.4,\"stage\":\"altering\",\"time\":\"2026-11-23T22:35:00Z\"}\n\n",
			},
		}}},
	}, auth.Read, http.StatusNotFound)
	stream(a, op, auth.Read, func(w http.ResponseWriter, r *http.Request, who auth.Principal, in *eventsIn) error {
		asked, err := in.asked(who)
		if err != nil {
			return err
		}
		return hub.Serve(w, r, asked)
	})
}

func (in *eventsIn) asked(who auth.Principal) (live.Asked, error) {
	asked := live.Asked{Owner: who.Owner, Tasks: slices.Sorted(slices.Values(in.Task)), Tag: in.Tag, After: -1}
	asked.Tasks = slices.Compact(asked.Tasks)
	if len(asked.Tasks) > 0 && in.Tag != "" {
		return asked, httpx.ErrParameter.Detailf("there is either task or tag")
	}
	if in.LastEventID == "" {
		return asked, nil
	}
	seq, err := strconv.ParseInt(in.LastEventID, 10, 64)
	if err != nil || seq < 0 {
		return asked, httpx.ErrParameter.Detailf("Last-Event-ID is the id of an event, a number")
	}
	asked.After = seq
	return asked, nil
}
