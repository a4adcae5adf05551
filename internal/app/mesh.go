package app

import (
	"context"
	"fmt"
	"net"
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
