package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxThreads is how many threads a process may have. An image takes a handful;
// without a limit, one could use up all that the machine has.
const maxThreads = 64

// vitals are what the kernel says of a process.
type vitals struct {
	own     int64 // bytes of memory that nobody else has
	shared  int64 // bytes of memory in files without a name, such as the input that it has mapped
	threads int64
}

// vitals looks at the process from outside: what it says of itself is not
// believed.
func (p *process) vitals() (vitals, error) {
	var page [4096]byte
	n, err := p.status.ReadAt(page[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return vitals{}, err
	}
	data := page[:n]
	return vitals{
		own:     statusField(data, "RssAnon:") << 10, // kB
		shared:  statusField(data, "RssShmem:") << 10,
		threads: statusField(data, "Threads:"),
	}, nil
}

// statusField is a number in /proc/PID/status; 0: there is none.
func statusField(status []byte, name string) int64 {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	number, _, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// exceeds is why a process must not go on; nil: it may. It maps what it was
// given, which is not its fault; what it has written is.
func (p *process) exceeds(v vitals, given int64, outputs []*Buffer) error {
	used := v.own + v.shared
	for _, output := range outputs {
		used += output.taken()
	}
	switch {
	case used > p.base+given+p.limits.Memory:
		return ErrMemory.Detailf("the image needed more than %d MB of memory", p.limits.Memory>>20)
	case v.threads > maxThreads:
		return ErrCrashed.Detailf("the image had its decoder start more than %d threads", maxThreads)
	}
	return nil
}

// bytes is how much a job gives to the process.
func (j Job) bytes() int64 {
	n := j.Input.Size()
	for _, a := range j.Attachments {
		n += a.Size()
	}
	return n
}

// keeps says whether the process has kept a descriptor of a job that it has
// answered.
func (p *process) keeps() bool {
	folder, err := os.Open(p.proc("fd"))
	if err != nil {
		return false // it has ended
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return false
	}
	for _, name := range names {
		if to, _ := os.Readlink(p.proc("fd/" + name)); strings.HasPrefix(to, "/memfd:"+bufferPrefix) {
			return true
		}
	}
	return false
}

// cpu is the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	data, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, err
	}
	var user, system int64
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:])) // behind the name, from the third on
	if len(fields) < 13 {
		return 0, fmt.Errorf("engine: what does %q mean?", data)
	}
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	const tick = time.Second / 100 // USER_HZ, the same on every machine that Go runs on
	return time.Duration(user+system) * tick, nil
}

func (p *process) proc(file string) string {
	return "/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/" + file
}
