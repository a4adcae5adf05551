package outbound_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/dns/dnsmessage"

	"minilab/internal/outbound"
)

// resolving has a client ask a name server that answers by address, which is
// told the name and how often it was asked for its address of IPv4 before. Of
// what it has no address for there is no such name, and nothing has one of IPv6.
func resolving(address func(name string, before int) string) func(*outbound.Config) {
	var mu sync.Mutex
	before := map[string]int{}
	answer := func(q dnsmessage.Question) string {
		mu.Lock()
		defer mu.Unlock()
		name := q.Name.String()
		before[name]++
		return address(name, before[name]-1)
	}
	dial := func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			for nameServer(theirs, answer) {
			}
		}()
		return ours, nil
	}
	return func(cfg *outbound.Config) { cfg.Resolver = &net.Resolver{PreferGo: true, Dial: dial} }
}

// nameServer answers one question, each message after its length, as over TCP.
func nameServer(c net.Conn, address func(dnsmessage.Question) string) bool {
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil {
		return false
	}
	text := make([]byte, binary.BigEndian.Uint16(head))
	if _, err := io.ReadFull(c, text); err != nil {
		return false
	}
	var m dnsmessage.Message
	if m.Unpack(text) != nil {
		return false
	}
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}, Questions: m.Questions}
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		if ip := address(q); ip == "" {
			reply.RCode = dnsmessage.RCodeNameError
		} else {
			reply.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()},
			}}
		}
	}
	out, err := reply.AppendPack([]byte{0, 0})
	if err != nil {
		return false
	}
	binary.BigEndian.PutUint16(out, uint16(len(out)-2))
	_, err = c.Write(out)
	return err == nil
}
