package discovery

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"minilab/internal/kv"
	"minilab/internal/kv/kvview"
)

// Limits of what is believed, since anybody may write to the key-value store.
const (
	maxInstances    = 4096
	maxRegistration = 4 << 10 // bytes
)

var errRegistration = errors.New("this is no registration")

// View is what is known of the registered instances. It keeps its last state
// while the key-value store is away.
type View struct {
	*kvview.View[Instance]
}

// NewView makes an empty view; Follow fills it.
func NewView() *View {
	return &View{kvview.New(prefix, maxInstances, func(_ string, e kv.Entry) (Instance, error) {
		if i, ok := parse(e); ok {
			return i, nil
		}
		return Instance{}, errRegistration
	})}
}

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
	var list []Instance
	known := v.Snapshot().Values
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if i := known[name]; i.Service == service {
			list = append(list, i)
		}
	}
	return list
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
