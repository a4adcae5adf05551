package app

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// elsewhere is an address of this machine that a listener on 127.0.0.1 does not
// have, and one on all addresses does.
const elsewhere = "127.0.0.2"

func openNarrow(t *testing.T) (d *door, port string) {
	t.Helper()
	d, err := openDoor(t.Context(), "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	_, port, err = net.SplitHostPort(d.Addr().String())
	if err != nil || !d.narrow() || d.Addr().String() != "127.0.0.1:"+port {
		t.Fatalf("it listens on %v", d.Addr())
	}
	return d, port
}

func reaches(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func TestTheLoopbackNeedsNoKey(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", "127.0.0.2:0"} {
		d, err := openDoor(t.Context(), addr)
		if err != nil || d.narrow() {
			t.Fatalf("%s: %v, narrow: %v", addr, err, d.narrow())
		}
		before := d.Addr().String()
		if err := d.widen(t.Context()); err != nil || d.Addr().String() != before {
			t.Errorf("%s: widened to %v, %v", addr, d.Addr(), err)
		}
		d.Close()
	}
}

// Where it cannot be widened the door stays as it was, until it can.
func TestADoorThatCannotBeWidened(t *testing.T) {
	d, port := openNarrow(t)
	accepted := make(chan error)
	go func() {
		for {
			c, err := d.Accept()
			if err != nil {
				accepted <- err
				return
			}
			c.Close()
		}
	}()
	other, err := net.Listen("tcp", elsewhere+":"+port)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.widen(t.Context()); err == nil || !d.narrow() {
		t.Fatalf("widened beside another listener: %v", err)
	}
	if !reaches("127.0.0.1:" + port) {
		t.Error("nobody is let in any more")
	}
	other.Close()
	if reaches(elsewhere + ":" + port) {
		t.Error("it is open although it could not be")
	}
	if err := d.widen(t.Context()); err != nil || d.narrow() || !reaches(elsewhere+":"+port) || !reaches("127.0.0.1:"+port) {
		t.Errorf("when it could be: %v, on %v", err, d.Addr())
	}
	d.Close()
	if err := <-accepted; err == nil {
		t.Error("a closed door accepts")
	}
	if err := d.widen(t.Context()); err != nil || reaches("127.0.0.1:"+port) {
		t.Errorf("a closed door opens: %v", err)
	}
}

// A server on a door that is widened goes on; so do its connections.
func TestAServerDoesNotNoticeTheDoor(t *testing.T) {
	d, port := openNarrow(t)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s", body)
	})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(d) }()
	body, w := io.Pipe() // a request that is under way all the while
	var all sync.WaitGroup
	all.Go(func() {
		resp, err := http.Post("http://127.0.0.1:"+port, "", body)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "before and after" {
			t.Errorf("%q, %v", text, err)
		}
	})
	io.WriteString(w, "before ")
	if err := d.widen(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", elsewhere} {
		resp, err := http.Post("http://"+host+":"+port, "", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	io.WriteString(w, "and after")
	w.Close()
	all.Wait()
	s.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serving ended with %v", err)
	}
}
