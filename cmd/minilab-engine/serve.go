package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"minilab/internal/develop"
	"minilab/internal/engine/wire"
	"minilab/internal/fault"
	"minilab/internal/pipeline"
)

// serve does jobs until the worker closes the socket. An error here is one of
// the conversation; what is wrong with an image is an answer.
func serve(s *socket) error {
	for {
		var job wire.Job
		fds, err := s.receive(&job)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && len(fds) != 2 {
			err = fmt.Errorf("a job came with %d descriptors", len(fds))
		}
		if err != nil {
			return err
		}
		answer := do(job, fds[0], fds[1])
		for _, fd := range fds {
			unix.Close(fd)
		}
		if err := s.send(answer); err != nil {
			return err
		}
	}
}

func do(job wire.Job, input, output int) wire.Answer {
	result, err := process(job, input, output)
	answer := wire.Answer{ID: job.ID, ContentType: result.ContentType, Facts: result.Facts}
	if err == nil {
		answer.Size, err = sizeOf(output)
	}
	if err != nil {
		if fault.KindOf(err) == fault.Internal {
			fmt.Fprintln(os.Stderr, "minilab-engine:", err)
		}
		return wire.Answer{ID: job.ID, Fault: wire.FaultOf(err)}
	}
	return answer
}

func process(job wire.Job, input, output int) (develop.Result, error) {
	p, err := pipeline.Parse(job.Pipeline)
	if err != nil {
		return develop.Result{}, fault.ErrInternal.Because(fmt.Errorf("pipeline: %w", err)) // the worker's mistake
	}
	data, err := mapInput(input)
	if err != nil {
		return develop.Result{}, err
	}
	defer unmap(data)
	return develop.Develop(develop.Job{
		Input: data, Output: output, Pipeline: p, MaxPixels: job.MaxPixels, MaxOutput: job.MaxOutput,
	})
}

// mapInput maps the input without a copy. It must be sealed: were it to shrink
// or change under the decoder, no check of its would hold.
func mapInput(fd int) ([]byte, error) {
	const sealed = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return nil, fmt.Errorf("input: %w", err)
	}
	if seals&sealed != sealed {
		return nil, errors.New("input: not sealed")
	}
	size, err := sizeOf(fd)
	if err != nil || size == 0 {
		return nil, err
	}
	data, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("input: %w", err)
	}
	return data, nil
}

func unmap(data []byte) {
	if len(data) > 0 {
		_ = unix.Munmap(data)
	}
}

func sizeOf(fd int) (int64, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st.Size, err
}
