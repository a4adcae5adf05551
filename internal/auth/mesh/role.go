package mesh

import (
	"net/http"
	"slices"
	"strings"
)

// Role is what the bearer of a token may do.
type Role string

// The roles. Services and operators may make any call.
const (
	Service  Role = "service"  // of this lab
	Operator Role = "operator" // a person, by hand
	Worker   Role = "worker"   // of one's own; see docs/worker-protocol.md
	Metrics  Role = "metrics"  // reads /metrics of any service
)

// Roles are those that a token can be handed out for.
var Roles = []Role{Operator, Worker, Metrics}

// right is a call that a role may make.
type right struct {
	service string // empty: each of them
	methods string
	path    string // one that ends with "/" is the beginning of a longer one
	query   bool   // may have one
}

// rights are of the roles that may not make every call.
var rights = map[Role][]right{
	Metrics: {{"", "GET HEAD", "/metrics", false}},
	Worker: {
		{"master", "GET POST", "/getWork", true},
		{"master", "POST", "/heartbeat", true},
		{"master", "POST", "/workFinished", true},
		{"master", "POST", "/workFailed", true},
		{"master", "POST", "/workReleased", true},
		{"storage", "GET HEAD", "/images/inProgress/", false},
		{"storage", "GET HEAD POST PUT", "/images/finished/", false},
		{"kv", "GET HEAD", "/kv/watermarks/", false},
	},
}

// audience is the services that the role has something to do with.
func (r Role) audience() []string {
	list := slices.DeleteFunc(slices.Clone(services), func(service string) bool {
		return !r.unbound() && !slices.ContainsFunc(rights[r], func(t right) bool { return t.service == "" || t.service == service })
	})
	if r == Metrics {
		list = append(list, "frontend") // which asks its callers for API keys, but for this
	}
	return list
}

func (r Role) unbound() bool { return r == Service || r == Operator }

// may is nil when the role allows the call, else ErrRole.
func (r Role) may(service string, call *http.Request) error {
	if r.unbound() || slices.ContainsFunc(rights[r], func(t right) bool { return t.covers(service, call) }) {
		return nil
	}
	return ErrRole.Detailf("the token is one of the role %.20q, which may not make this call", string(r))
}

func (t right) covers(service string, call *http.Request) bool {
	path := call.URL.Path == t.path
	if strings.HasSuffix(t.path, "/") {
		path = strings.HasPrefix(call.URL.Path, t.path) && call.URL.Path != t.path
	}
	return path && (t.service == "" || t.service == service) && (t.query || call.URL.RawQuery == "") &&
		slices.Contains(strings.Fields(t.methods), call.Method)
}
