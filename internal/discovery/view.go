package discovery

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

// Limits of what is believed, since anybody may write to the key-value store.
const (
	maxInstances    = 4096
	maxRegistration = 4 << 10 // bytes
)

var errTooMany = fault.ErrUnavailable.Detailf("there are more than %d registrations", maxInstances)

// View is what is known of the registered instances. It keeps its last state
// while the key-value store is away.
type View struct {
	mu        sync.RWMutex
	instances map[string]Instance // by key
	synced    chan struct{}       // closed once the first listing is in
	once      sync.Once
}

// NewView makes an empty view; Follow fills it.
func NewView() *View {
	return &View{instances: map[string]Instance{}, synced: make(chan struct{})}
}

// Synced is closed once the registrations have been read for the first time.
func (v *View) Synced() <-chan struct{} { return v.synced }

// URLs are the base URLs of a service's instances, in the order of their IDs.
func (v *View) URLs(service string) []string {
	var urls []string
	for _, i := range v.Instances(service) {
		if i.URL != "" {
			urls = append(urls, i.URL)
		}
	}
	return urls
}

// Instances are those of a service, in the order of their IDs.
func (v *View) Instances(service string) []Instance {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var list []Instance
	for _, key := range slices.Sorted(maps.Keys(v.instances)) {
		if i := v.instances[key]; i.Service == service {
			list = append(list, i)
		}
	}
	return list
}

// Follow keeps the view up to date until ctx ends.
func (v *View) Follow(ctx context.Context, store kv.Store, log *slog.Logger) {
	for failing := false; ctx.Err() == nil; {
		err := v.follow(ctx, store, func() { failing = false })
		if !failing && ctx.Err() == nil {
			log.WarnContext(ctx, "discovery keeps its last view and starts again", "error", err)
		}
		failing = true
		t := time.NewTimer(retryPause)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// follow lists and then watches until something breaks.
func (v *View) follow(ctx context.Context, store kv.Store, healthy func()) error {
	revision, err := v.list(ctx, store)
	if err != nil {
		return err
	}
	healthy()
	v.once.Do(func() { close(v.synced) })
	for ev, err := range store.Watch(ctx, prefix, revision) {
		if err != nil {
			return err
		}
		v.apply(ev)
	}
	return nil
}

// list replaces the view by what is registered now.
func (v *View) list(ctx context.Context, store kv.Store) (int64, error) {
	fresh := map[string]Instance{}
	var revision int64
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, err := store.List(ctx, prefix, cursor, 0)
		if err != nil {
			return 0, err
		}
		for _, e := range page.Entries {
			if i, ok := parse(e); ok {
				fresh[e.Key] = i
			}
		}
		if len(fresh) > maxInstances || page.Next != "" && (page.Next == cursor || len(page.Entries) == 0) {
			return 0, errTooMany
		}
		revision, cursor = page.Revision, page.Next
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.instances = fresh
	return revision, nil
}

func (v *View) apply(ev kv.Event) {
	i, ok := parse(ev.Entry)
	v.mu.Lock()
	defer v.mu.Unlock()
	if ev.Deleted || !ok {
		delete(v.instances, ev.Key)
		return
	}
	if _, known := v.instances[ev.Key]; known || len(v.instances) < maxInstances {
		v.instances[ev.Key] = i
	}
}

// parse reads a registration; what is none is passed over, since anybody may
// write to the key-value store.
func parse(e kv.Entry) (Instance, bool) {
	service, id, ok := strings.Cut(strings.TrimPrefix(e.Key, prefix), "/")
	i := Instance{}
	if !ok || len(e.Value) > maxRegistration || json.Unmarshal(e.Value, &i) != nil || !callable(i.URL) {
		return Instance{}, false
	}
	i.Service, i.ID = service, id
	return i, true
}

// callable says whether a registration's URL is one that can be called, or none:
// paths are put behind it as it is.
func callable(base string) bool {
	u, err := url.Parse(base)
	return base == "" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Path == "" &&
		u.User == nil && !strings.ContainsAny(base, "?#")
}
