// Command rogue is an engine process for tests that misbehaves. What it does is
// the first line of a job's input; ok copies the input to the output as an
// engine should. The name of its executable can make it fail before: see early.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"minilab/internal/engine/wire"
)

func main() {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	hello := wire.Hello{Protocol: wire.Version, Version: "rogue", Library: "none", Formats: []string{"image/png"}}
	early(&hello)
	send(hello)
	if filepath.Base(os.Args[0]) == "dies-idle" {
		return
	}
	serve()
}

// early fails before or in the hello if the executable is called so.
func early(hello *wire.Hello) {
	switch filepath.Base(os.Args[0]) {
	case "dies-early":
		fmt.Fprintln(os.Stderr, "no libvips here")
		os.Exit(1)
	case "speaks-another-protocol":
		hello.Protocol = wire.Version + 1
	case "babbles":
		packet([]byte("hello!"))
	case "mute":
		select {}
	}
}

func obey(job wire.Job, data []byte, out *os.File) {
	good := wire.Answer{
		ID: job.ID, Outputs: []wire.Output{{Size: int64(len(data)), ContentType: "image/png", Width: 1, Height: 1, Pages: 1}},
		Facts: wire.Facts{Format: "png", Width: 1, Height: 1, Pages: 1, Bits: 8, Bands: 3, Lane: "pixels"},
	}
	command, _, _ := strings.Cut(string(data), "\n")
	switch command {
	case "crash":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		select {}
	case "exit":
		os.Exit(0)
	case "out-of-memory":
		os.Exit(wire.ExitMemory)
	case "hang":
		select {}
	case "stop":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		select {} // another thread may take the signal, a moment later
	case "eat":
		eat()
	case "garbage":
		packet([]byte("\x00\xff garbage"))
	case "huge-message":
		packet(make([]byte, wire.MaxMessage+1))
	case "wrong-id":
		good.ID++
	case "wrong-type":
		good.Outputs[0].ContentType = "text/html"
	case "wrong-size":
		good.Outputs[0].Size += 5
	case "unknown-fault":
		good.Fault = &wire.Fault{Code: "made-up"}
	case "broken":
		good.Fault = &wire.Fault{Code: wire.ErrBroken.Code, Detail: "the image is broken\n\x1b[31m" + strings.Repeat("!", 1000)}
	case "defect":
		good.Fault = &wire.Fault{Code: "internal", Detail: "secret"}
	case "keep-mapped":
		_ = out.Truncate(good.Outputs[0].Size)
		_, err := unix.Mmap(int(out.Fd()), 0, int(good.Outputs[0].Size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		check(err)
	case "write-input":
		// A sealed input cannot be changed: this fails and the job goes on.
		if _, err := unix.Pwrite(inputFD, []byte("changed"), 0); err == nil {
			os.Exit(9)
		}
	case "smuggle":
		message, err := wire.Encode(good)
		check(err)
		_, err = out.Write(data)
		check(err)
		_ = out.Close()
		_ = unix.Close(inputFD)
		check(unix.Sendmsg(wire.FD, message, unix.UnixRights(0, 1, 2), nil, 0))
		return
	case "talk":
		for i := range 1000 {
			fmt.Fprintln(os.Stderr, i, strings.Repeat("bla", 1000))
		}
	case "pid":
		data = fmt.Appendf(nil, "%d", os.Getpid())
		good.Outputs[0].Size = int64(len(data))
	}
	_, err := out.Write(data)
	check(err)
	if command == "keep" {
		_, err = unix.Dup(inputFD)
		check(err)
	}
	_ = out.Close() // as an engine does before it answers
	_ = unix.Close(inputFD)
	send(good)
	if command == "speak" {
		send(good)
	}
}

// eat takes memory until it is stopped, or has so much that nobody will.
func eat() {
	const enough = 2 << 30 / (8 << 20)
	for range enough {
		m, err := unix.Mmap(-1, 0, 8<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		check(err)
		for i := 0; i < len(m); i += 4096 {
			m[i] = 1
		}
	}
	os.Exit(1)
}

var inputFD int

// serve does jobs until the socket closes.
func serve() {
	socket := os.NewFile(wire.FD, "worker")
	defer socket.Close() // not before: collected as garbage it would be closed
	conn, err := net.FileConn(socket)
	check(err)
	buffer, oob, data := make([]byte, wire.MaxMessage), make([]byte, 256), make([]byte, 1<<20)
	for {
		n, oobn, _, _, err := conn.(*net.UnixConn).ReadMsgUnix(buffer, oob)
		if err != nil {
			return
		}
		var job wire.Job
		check(wire.Decode(buffer[:n], &job))
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		check(err)
		fds, err := unix.ParseUnixRights(&messages[0])
		check(err)
		inputFD = fds[0]
		size, err := unix.Pread(inputFD, data, 0)
		check(err)
		out := os.NewFile(uintptr(fds[1]), "output")
		obey(job, data[:size], out)
	}
}

func send(v any) {
	data, err := wire.Encode(v)
	check(err)
	packet(data)
}

func packet(data []byte) {
	check(unix.Sendmsg(wire.FD, data, nil, nil, unix.MSG_NOSIGNAL))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "rogue:", err)
		os.Exit(3)
	}
}
