package labhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/lab"
)

// maxPlaces bounds the body that asks for places, in bytes.
const maxPlaces = 256 << 10

// placesOf asks for places, and places answers.
type placesOf struct {
	IDs []string `json:"ids"`
}

type places struct {
	Places []lab.Place `json:"places"`
}

// events is the answer of the feed.
type events struct {
	Events []lab.Event `json:"events"`
	Last   int64       `json:"last"` // to go on after
}

// RouteBoard serves b, between services only.
func RouteBoard(rt *httpx.Router, b lab.Board) {
	h := board{b}
	rt.Handle("GET /events", httpx.Waiting(h.events))
	rt.Handle("POST /places", h.places)
	rt.Handle("GET /stats", h.stats)
}

type board struct{ lab lab.Board }

func (h board) events(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	after, err := httpx.Int(q, "after", 0, 0, 1<<62)
	if err != nil {
		return err
	}
	limit, err := httpx.Int(q, "limit", 0, 0, lab.MaxPage)
	if err != nil {
		return err
	}
	wait, err := httpx.Duration(q, "wait", lab.MaxWait)
	if err != nil {
		return err
	}
	list, err := h.lab.Events(r.Context(), after, int(limit), wait)
	if err != nil {
		return err
	}
	answer := events{Events: list, Last: after}
	if len(list) > 0 {
		answer.Last = list[len(list)-1].Seq
	}
	return httpx.WriteJSON(w, http.StatusOK, answer)
}

func (h board) places(w http.ResponseWriter, r *http.Request) error {
	var asked placesOf
	if err := httpx.ReadJSON(w, r, maxPlaces, &asked); err != nil {
		return err
	}
	if len(asked.IDs) > lab.MaxPage {
		return httpx.ErrParameter.Detailf("there are at most %d ids", lab.MaxPage)
	}
	list, err := h.lab.Places(r.Context(), asked.IDs)
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, places{list})
}

func (h board) stats(w http.ResponseWriter, r *http.Request) error {
	s, err := h.lab.Stats(r.Context())
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, s)
}

// Events implements lab.Board.
func (c *Client) Events(ctx context.Context, after int64, limit int, wait time.Duration) ([]lab.Event, error) {
	wait = min(wait, lab.MaxWait)
	q := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(min(limit, lab.MaxPage))}, "wait": {wait.String()}}
	var answer events
	if _, err := c.http.Poll(ctx, wait, http.MethodGet, "/events", q, nil, &answer); err != nil {
		return nil, err
	}
	last := after
	for _, e := range answer.Events {
		if e.Seq <= last || !e.State.Valid() {
			return nil, httpx.ErrNonsense.Because(fmt.Errorf("the event %d, %.16q, after %d", e.Seq, e.State, last))
		}
		last = e.Seq
	}
	return answer.Events, nil
}

// Places implements lab.Board.
func (c *Client) Places(ctx context.Context, ids []string) ([]lab.Place, error) {
	var answer places
	if _, err := c.http.JSON(ctx, http.MethodPost, "/places", nil, placesOf{ids}, &answer); err != nil {
		return nil, err
	}
	if len(answer.Places) != len(ids) {
		return nil, httpx.ErrNonsense.Because(errors.New("places of other tasks than those asked for"))
	}
	for _, p := range answer.Places {
		if p.Ahead < 0 || p.Seconds < 0 {
			return nil, httpx.ErrNonsense.Because(fmt.Errorf("the place %d in %v s", p.Ahead, p.Seconds))
		}
	}
	return answer.Places, nil
}

// Stats implements lab.Board.
func (c *Client) Stats(ctx context.Context) (s lab.Stats, err error) {
	_, err = c.http.JSON(ctx, http.MethodGet, "/stats", nil, nil, &s)
	if err == nil && s.LastSeq < 0 {
		err = httpx.ErrNonsense.Because(fmt.Errorf("a feed that ends at %d", s.LastSeq))
	}
	return s, err
}
