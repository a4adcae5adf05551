package storagehttp

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// HeaderMemory is how two processes of one machine agree to pass sealed memory by
// the kernel (SCM_RIGHTS) instead of its bytes by the connection. In a request it
// is the counter of the caller, in an answer the word with which the memory was
// brought there: a request may have been sent twice, and answered twice.
const HeaderMemory = "Minilab-Memory"

// counterTime is how long one waits for the other at a counter: both are on this
// machine, and on their way.
const counterTime = 2 * time.Second

// counterPrefix begins the names of all counters, so that nobody can be sent to
// another socket.
const counterPrefix = "@minilab-memory-"

var (
	errNoCounter = errors.New("there is no such counter here")
	errNoMemory  = errors.New("what came is no sealed memory")
)

// counter is where a caller passes memory for the time of one call: a socket
// without a file, which this machine's processes can come to (or this
// container's: those of one network). Everybody there can see it and come, so those
// of other users are sent away without a word, and who stays shows the secret, which
// nobody was told but the one called.
type counter struct {
	socket       *net.UnixListener
	name, secret string
	user         int
}

func openCounter() (*counter, error) {
	c := &counter{name: rand.Text(), secret: rand.Text(), user: os.Geteuid()}
	var err error
	c.socket, err = net.ListenUnix("unixpacket", place(c.name))
	return c, err
}

func place(name string) *net.UnixAddr {
	return &net.UnixAddr{Name: counterPrefix + name, Net: "unixpacket"}
}

// String is what the header says.
func (c *counter) String() string { return c.name + "." + c.secret }

func (c *counter) close() { _ = c.socket.Close() } // it has no file

// receive takes the memory that was brought with a word.
func (c *counter) receive(ctx context.Context, word string) (*os.File, error) {
	defer context.AfterFunc(ctx, c.close)()
	if err := c.socket.SetDeadline(time.Now().Add(counterTime)); err != nil {
		return nil, err
	}
	visitor, memory, err := c.visit(c.secret + "." + word)
	if err != nil {
		return nil, err
	}
	visitor.Close()
	return memory, sealed(memory)
}

// offer lets the first who comes have memory, unless the counter is closed before.
// It closes the memory.
func (c *counter) offer(memory *os.File) {
	defer memory.Close()
	visitor, brought, err := c.visit(c.secret)
	if err != nil {
		return
	}
	_ = pass(visitor, "", memory) // who did not get it says so in the answer
	visitor.Close()
	if brought != nil {
		brought.Close()
	}
}

// visit waits for somebody with a secret. All others are sent away.
func (c *counter) visit(secret string) (*net.UnixConn, *os.File, error) {
	for {
		visitor, err := c.socket.AcceptUnix()
		if err != nil {
			return nil, nil, err
		}
		if !isOf(visitor, c.user) { // nobody waits for a word of theirs
			visitor.Close()
			continue
		}
		shown, memory, err := passed(visitor)
		if err == nil && subtle.ConstantTimeCompare([]byte(shown), []byte(secret)) == 1 {
			return visitor, memory, nil
		}
		if memory != nil {
			memory.Close()
		}
		visitor.Close()
	}
}

// fetch takes memory from a caller's counter.
func fetch(counter string) (*os.File, error) {
	host, err := call(counter, os.Geteuid())
	if err != nil {
		return nil, err
	}
	defer host.Close()
	if err := pass(host.UnixConn, host.secret, nil); err != nil {
		return nil, err
	}
	_, memory, err := passed(host.UnixConn)
	if err != nil {
		return nil, err
	}
	return memory, sealed(memory)
}

// host is a caller at whose counter one is.
type host struct {
	*net.UnixConn
	secret string
}

// call comes to a counter of a user's.
func call(counter string, user int) (host, error) {
	name, secret, ok := strings.Cut(counter, ".")
	if !ok {
		return host{}, errNoCounter
	}
	conn, err := net.DialUnix("unixpacket", nil, place(name)) // it does not wait
	if err != nil {
		return host{}, err
	}
	if !isOf(conn, user) {
		conn.Close()
		return host{}, errNoCounter
	}
	return host{conn, secret}, nil
}

// isOf says that a user's process is at the other end.
func isOf(conn *net.UnixConn, user int) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	closed := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return closed == nil && err == nil && int64(peer.Uid) == int64(user)
}

// bring gives the caller memory, with a word to ask for it.
func (h host) bring(memory *os.File) (word string, err error) {
	word = rand.Text()
	return word, pass(h.UnixConn, h.secret+"."+word, memory)
}

// pass sends a word, and memory unless it is nil.
func pass(conn *net.UnixConn, word string, memory *os.File) error {
	var rights []byte
	if memory != nil {
		rights = unix.UnixRights(int(memory.Fd()))
	}
	if err := conn.SetDeadline(time.Now().Add(counterTime)); err != nil {
		return err
	}
	_, _, err := conn.WriteMsgUnix([]byte(word+"\n"), rights, nil)
	return err
}

// passed receives what was passed; memory is nil if there was none.
func passed(conn *net.UnixConn) (word string, memory *os.File, err error) {
	if err := conn.SetDeadline(time.Now().Add(counterTime)); err != nil {
		return "", nil, err
	}
	text, rights := make([]byte, 64), make([]byte, unix.CmsgSpace(4))
	n, r, _, _, err := conn.ReadMsgUnix(text, rights)
	if err != nil {
		return "", nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:r])
	if err != nil {
		return "", nil, err
	}
	for i := range messages {
		fds, _ := unix.ParseUnixRights(&messages[i]) // of other messages there are none
		for _, fd := range fds {
			if memory != nil {
				memory.Close() // the last one counts
			}
			memory = os.NewFile(uintptr(fd), "image")
		}
	}
	return strings.TrimSuffix(string(text[:n]), "\n"), memory, nil
}

// sealed closes what is no sealed memory, which is an error.
func sealed(memory *os.File) error {
	if memory == nil {
		return errNoMemory
	}
	if !storage.IsSealed(memory) {
		memory.Close()
		return errNoMemory
	}
	return nil
}
