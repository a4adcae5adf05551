package main

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"minilab/internal/engine/wire"
)

// socket is the worker's line to this process.
type socket struct {
	buffer [wire.MaxMessage]byte
	oob    [4 * (64 + 1 + wire.MaxOutputs + wire.MaxAttachments)]byte // and a header
}

func openSocket() (*socket, error) {
	kind, err := unix.GetsockoptInt(wire.FD, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_SEQPACKET {
		return nil, errors.New("descriptor 3 is no socket of a worker's; this program is started by minilab worker")
	}
	unix.CloseOnExec(wire.FD)
	return &socket{}, nil
}

// receive waits for a job and the descriptors that come with it. It returns
// io.EOF when the worker has closed its end.
func (s *socket) receive(v any) (fds []int, err error) {
	for {
		n, oobn, flags, _, err := unix.Recvmsg(wire.FD, s.buffer[:], s.oob[:], unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, io.EOF
		}
		fds, err = descriptors(s.oob[:oobn])
		if err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
			err = errors.New("a message was cut off")
		}
		if err == nil {
			err = wire.Decode(s.buffer[:n], v)
		}
		return fds, err
	}
}

func descriptors(oob []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("control message: %w", err)
	}
	var all []int
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return all, fmt.Errorf("control message: %w", err)
		}
		all = append(all, fds...)
	}
	return all, nil
}

func (s *socket) send(v any) error {
	data, err := wire.Encode(v)
	if err != nil {
		return err
	}
	for {
		err := unix.Sendmsg(wire.FD, data, nil, nil, unix.MSG_NOSIGNAL)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
