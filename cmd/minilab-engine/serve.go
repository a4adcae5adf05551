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
		if err == nil && (len(job.Outputs) == 0 || len(fds) != 1+len(job.Outputs)+len(job.Attachments)) {
			err = fmt.Errorf("a job of %d outputs came with %d descriptors", len(job.Outputs), len(fds))
		}
		if err != nil {
			return err
		}
		answer := do(job, fds)
		for _, fd := range fds {
			unix.Close(fd)
		}
		if err := s.send(answer); err != nil {
			return err
		}
	}
}

func do(job wire.Job, fds []int) wire.Answer {
	answer, err := process(job, fds)
	if err != nil {
		if fault.KindOf(err) == fault.Internal {
			fmt.Fprintln(os.Stderr, "minilab-engine:", err)
		}
		return wire.Answer{ID: job.ID, Fault: wire.FaultOf(err)}
	}
	return answer
}

// process does a job. The descriptors are those of the input, the outputs, the
// attachments.
func process(job wire.Job, fds []int) (wire.Answer, error) {
	outputs, attachments := fds[1:1+len(job.Outputs)], fds[1+len(job.Outputs):]
	work := develop.Job{
		Attachments: make(map[string][]byte),
		Limits:      develop.Limits{MaxPixels: job.MaxPixels, MaxFrames: job.MaxFrames, MaxPages: job.MaxPages, MaxOutput: job.MaxOutput},
	}
	for i, text := range job.Outputs {
		p, err := pipeline.Parse(text)
		if err != nil {
			return wire.Answer{}, fault.ErrInternal.Because(fmt.Errorf("pipeline: %w", err)) // the worker's mistake
		}
		work.Outputs = append(work.Outputs, develop.Target{Pipeline: p, File: outputs[i]})
	}
	var err error
	if work.Input, err = mapInput(fds[0]); err != nil {
		return wire.Answer{}, err
	}
	defer unmap(work.Input)
	for i, name := range job.Attachments {
		data, err := mapInput(attachments[i])
		if err != nil {
			return wire.Answer{}, err
		}
		defer unmap(data)
		work.Attachments[name] = data
	}
	return answer(job, work, outputs)
}

func answer(job wire.Job, work develop.Job, files []int) (wire.Answer, error) {
	result, err := develop.Develop(work)
	if err != nil {
		return wire.Answer{}, err
	}
	for i, file := range files {
		if result.Outputs[i].Size, err = sizeOf(file); err != nil {
			return wire.Answer{}, err
		}
	}
	return wire.Answer{ID: job.ID, Outputs: result.Outputs, Facts: result.Facts}, nil
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
