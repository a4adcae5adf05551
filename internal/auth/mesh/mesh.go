// Package mesh is how the services of a lab know each other. Every call from
// one to another carries a token: a JWT (HS256) that names who calls, whom, and
// an end a minute later, signed with a key that comes from the lab's secret. All
// processes are given the same secret, in a file; see Join.
//
//	member, err := mesh.Join("/etc/minilab/secret", "frontend", log)
//	transport := member.Transport(balancer) // signs calls to "http://SERVICE/…"
//	router.Guard(member.Guard("master"))    // and checks those that come
//	go member.Follow(ctx)                   // the file has another secret one day
//
// A lab without a secret has no tokens: its services listen on the loopback.
package mesh

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

// services are those that only other services call, and so are guarded.
var services = []string{"kv", "storage", "taskdb", "master", "worker"}

// Guards says whether calls to the service need a token in a lab with a secret.
func Guards(service string) bool { return slices.Contains(services, service) }

// Member is a process that calls other services and is called by them.
type Member struct {
	name     string
	secret   *ring // nil: the lab has none
	now      func() time.Time
	refusals refusals

	mu     sync.RWMutex
	tokens map[string]token // by the service that they are for
}

// Join makes a member of the lab whose secret is in the file; an empty path is
// a lab without one. The name is who the other services are told that calls.
//
// Each line of the file is a secret of at least 32 bytes; empty ones and those
// that begin with # say nothing. The first signs, all of them are believed. The
// file must be its owner's alone.
func Join(path, name string, log *slog.Logger) (*Member, error) {
	return join(path, name, log, time.Now)
}

func join(path, name string, log *slog.Logger, now func() time.Time) (*Member, error) {
	m := &Member{name: name, now: now, tokens: map[string]token{}}
	m.refusals = refusals{now: now, log: log, at: map[string]time.Time{}}
	if path == "" {
		return m, nil
	}
	r, err := openRing(path, log)
	m.secret = r
	return m, err
}

// Secured says whether the lab has a secret.
func (m *Member) Secured() bool { return m.secret != nil }
