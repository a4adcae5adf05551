package live

import (
	"context"
	"slices"
	"time"

	"minilab/internal/lab"
)

// placeEvery is how often those who wait are told where they stand.
const placeEvery = 3 * time.Second

// note keeps in mind whether a task waits.
func (h *Hub) note(key subject, t *topic, waits bool) {
	t.waits = waits
	if !waits {
		t.told = -1
		return
	}
	if _, ok := h.listed[key]; !ok {
		h.listed[key] = struct{}{}
		h.rota = append(h.rota, key)
	}
}

// tellPlaces tells listeners where their waiting tasks stand, if the queue has
// moved: those of one question at a time, the others the next time.
func (h *Hub) tellPlaces(ctx context.Context) {
	keys := h.turn()
	if len(keys) == 0 {
		return
	}
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.task
	}
	list, err := h.Board.Places(ctx, ids)
	if err != nil || len(list) != len(ids) {
		h.Log.DebugContext(ctx, "places in the queue are not known", "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, p := range list {
		h.tellPlace(keys[i], p)
	}
}

// tellPlace tells of a place unless the task has gone from there meanwhile.
func (h *Hub) tellPlace(key subject, p lab.Place) {
	t := h.topics[key]
	if t == nil || !t.waits || p.Ahead == t.told {
		return
	}
	for l := range t.listeners {
		if l.places >= MaxTasks {
			h.moved = true // it has not read those before: all are told the next time
			return
		}
	}
	t.told = p.Ahead
	now := time.Now()
	data := Event{Task: key.task, State: lab.NotStarted, Place: &p, Time: now.UTC()}
	h.push(t.listeners, &frame{subject: key, text: encode(0, queued, data), waits: true}, now)
}

// turn is whose turn it is, if the queue has moved since all were told. They go
// to the end of the rota.
func (h *Hub) turn() []subject {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.moved {
		return nil
	}
	n := min(len(h.rota), lab.MaxPage)
	h.moved = n < len(h.rota)
	keys := make([]subject, 0, n)
	for _, key := range h.rota[:n] {
		if t := h.topics[key]; t != nil && t.waits {
			keys = append(keys, key)
		} else {
			delete(h.listed, key)
		}
	}
	h.rota = append(slices.Clone(h.rota[n:]), keys...)
	return keys
}

// placesOf asks where those of the tasks stand that wait; what cannot be known is
// missing.
func (h *Hub) placesOf(ctx context.Context, tasks map[string]lab.Task) map[string]*lab.Place {
	var ids []string
	for id, t := range tasks {
		if t.State == lab.NotStarted {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	list, err := h.Board.Places(ctx, ids)
	if err != nil || len(list) != len(ids) {
		return nil
	}
	places := map[string]*lab.Place{}
	for i, id := range ids {
		places[id] = &list[i]
	}
	return places
}
