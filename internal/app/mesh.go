package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"minilab/internal/auth/mesh"
	"minilab/internal/config"
	"minilab/internal/httpx"
)

// join reads the lab's secret, with which calls between services are signed.
func (a *app) join(ctx context.Context) (err error) {
	if a.member, err = mesh.Join(a.cfg.SecretFile, strings.Join(a.Services, "+"), a.Log); err == nil {
		a.background(ctx, a.member.Follow)
	}
	return err
}

// guardable refuses to serve a network that nobody needs a token for.
func (a *app) guardable(service string, addr net.Addr) error {
	if a.member.Secured() || !mesh.Guards(service) || onLoopback(addr) {
		return nil
	}
	return fmt.Errorf("%s would listen on %s, where others than this machine may call it: give all processes of the lab the same "+
		"--secret-file (`minilab secret FILE` makes one), or listen on 127.0.0.1", service, addr)
}

// guard lets nobody call a service who has no token or, where none is needed, who
// is a page in a browser: of another site, or one that has the service under a
// name of its own. Probes are called by many names.
func (a *app) guard(service string) func(http.ResponseWriter, *http.Request) error {
	tokens, hosts := a.member.Guard(service), a.hosts(service)
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := tokens(w, r); err != nil {
			return err
		}
		shown := a.member.Secured() && r.Header.Get("Authorization") != ""
		if shown || r.URL.Path == "/livez" || r.URL.Path == "/readyz" {
			return nil
		}
		if err := httpx.FromPage(r); err != nil {
			return err
		}
		return hosts.Check(r)
	}
}

// hosts are the names that are no addresses by which a service is called.
func (a *app) hosts(service string) httpx.Hosts { return httpx.HostsOf(a.url(service)) }

func onLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// accepted is the check of a process that needs others: do they take its tokens?
func (a *app) accepted() []httpx.Check {
	if len(a.Services) == len(config.Services) {
		return nil
	}
	return []httpx.Check{{Name: "secret", Do: a.member.Accepted}}
}
