// Package live tells customers what happens to their tasks while it happens: a
// stream of server-sent events for as many tasks as they like. However many
// listen to a frontend, it reads the lab's feed once.
//
// A stream can be taken up at any frontend: the ids of its events are places in
// the feed, which is the task database's own.
package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"minilab/internal/lab"
	"minilab/internal/telemetry"
)

// Limits of the streams.
const (
	MaxTasks = 1000 // that one stream can name

	feedWait  = 10 * time.Second // of one reading of the feed
	feedPause = 500 * time.Millisecond
	ringSize  = 2048 // events that are kept for those who come back
	maxQueue  = 512  // events of the feed that wait for one reader, besides a place of each task it has named
	readers   = 4    // streams that read the feed themselves at a time
)

// Config is what a Hub is made of.
type Config struct {
	Customers lab.Customers
	Board     lab.Board
	Log       *slog.Logger
}

// Hub reads the feed for all the listeners of a frontend, and only while
// somebody listens.
type Hub struct {
	Config
	reading chan struct{} // holds a value for each stream that reads the feed itself
	tags    tags

	mu        sync.Mutex
	users     int                // streams, those included that are being opened
	stop      context.CancelFunc // of those who read the feed; nil: nobody does
	seq       int64              // read up to here
	head      int64              // the end of the feed when the reading began
	recent    ring
	listeners map[*listener]struct{}
	topics    map[subject]*topic
	owners    map[string]map[*listener]struct{} // those who listen to all tasks of an owner
	moved     bool                              // the queue has, since places were told
	rota      []subject                         // those that wait, in the order in which their places are asked for, each once
	listed    map[subject]struct{}              // in the rota, though nobody may listen to them any more
}

// New makes a hub.
func New(cfg Config) *Hub {
	return &Hub{
		Config: cfg, reading: make(chan struct{}, readers),
		listeners: map[*listener]struct{}{}, topics: map[subject]*topic{}, owners: map[string]map[*listener]struct{}{},
		listed: map[subject]struct{}{},
	}
}

// enter keeps the feed being read until leave, and gives the feed's end.
func (h *Hub) enter(ctx context.Context) (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop == nil {
		h.mu.Unlock()
		stats, err := h.Board.Stats(ctx)
		h.mu.Lock()
		if err != nil {
			return 0, err
		}
		if h.stop == nil {
			h.start(ctx, stats.LastSeq)
		}
	}
	h.users++
	return max(h.seq, h.head), nil
}

// start begins a little before the end, because those who come back from
// another frontend have missed a little.
func (h *Hub) start(ctx context.Context, end int64) {
	ctx, h.stop = context.WithCancel(telemetry.Apart(ctx))
	h.head = end
	h.restart(max(0, end-ringSize))
	go h.follow(ctx)
	go h.tick(ctx, pingTick, h.ping)
	go h.tick(ctx, placeEvery, h.tellPlaces)
}

// restart has the feed read from seq on.
func (h *Hub) restart(seq int64) {
	h.seq, h.recent = seq, ring{after: seq}
}

func (h *Hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users--
}

// needed says whether the reading of ctx goes on. Without users it ends, what is
// under way included, and the next who enters begins another one: two at a time
// would tell everything twice.
func (h *Hub) needed(ctx context.Context) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users == 0 && ctx.Err() == nil {
		h.stop()
		h.stop = nil
	}
	return ctx.Err() == nil
}

// tick calls do again and again as long as the feed is read.
func (h *Hub) tick(ctx context.Context, every time.Duration, do func(context.Context)) {
	t := time.NewTicker(every)
	defer t.Stop()
	for h.needed(ctx) {
		do(ctx)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}
