package batch

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unicode/utf8"

	"minilab/internal/dirlock"
)

// folder is where a folder of results keeps what is not one.
const folder = ".minilab"

// entry is what the journal knows of one image; its last line counts.
type entry struct {
	Path    string   `json:"path,omitempty"`
	Raw     []byte   `json:"raw,omitempty"` // the path, where it is not UTF-8
	From    string   `json:"from"`          // where the image is, quoted
	Source  string   `json:"source"`        // digest of the image, or its URL
	Work    string   `json:"work"`          // what is done
	Key     string   `json:"key"`           // of the submission
	Task    string   `json:"task,omitempty"`
	Results []result `json:"results,omitempty"` // once they are stored
	Ended   bool     `json:"ended,omitempty"`   // without results: another task is needed
	Old     []result `json:"old,omitempty"`     // stored before, of another image or work
}

// again is the entry of the same image and work for another task.
func (e entry) again() entry {
	return entry{From: e.From, Source: e.Source, Work: e.Work, Key: rand.Text(), Old: e.stored()}
}

// maxOld bounds what is remembered of former results.
const maxOld = 32

// stored are the files that this command has made for the image, the last first.
func (e entry) stored() []result {
	all := slices.Concat(e.Results, e.Old)
	return all[:min(len(all), maxOld)]
}

// result is one file.
type result struct {
	File   string `json:"file,omitempty"` // below the folder, with slashes
	Raw    []byte `json:"raw,omitempty"`  // the same, where it is not UTF-8
	SHA256 string `json:"sha256"`         // lower-case hex
	Size   int64  `json:"size"`           // bytes
}

// text puts a name where JSON keeps its bytes.
func text(name string) (text string, raw []byte) {
	if utf8.ValidString(name) {
		return name, nil
	}
	return "", []byte(name)
}

func (e entry) path() string  { return e.Path + string(e.Raw) }
func (r result) path() string { return r.File + string(r.Raw) }

// journal is that of one folder, which no other run has open.
type journal struct {
	dir   string
	lock  *dirlock.Lock
	known map[string]entry // as it was at the start

	mu   sync.Mutex
	file *os.File
}

// openJournal reads what there is. Parts of results that a killed run has left
// are removed.
func openJournal(out string) (*journal, error) {
	j := &journal{dir: filepath.Join(out, folder), known: map[string]entry{}}
	if err := os.MkdirAll(out, 0o755); err != nil { // whoever may read the results
		return nil, err
	}
	if err := os.MkdirAll(j.dir, 0o750); err != nil {
		return nil, err
	}
	lock, err := dirlock.Acquire(j.dir, "submit")
	if errors.Is(err, dirlock.ErrInUse) {
		return nil, fmt.Errorf("another run%s stores its results in %s", dirlock.Holder(j.dir, "submit"), out)
	}
	if err != nil {
		return nil, err
	}
	j.lock = lock
	if err := j.read(); err != nil {
		_ = lock.Release() // there is another error to be told
		return nil, err
	}
	return j, nil
}

func (j *journal) read() (err error) {
	if err := os.RemoveAll(j.parts()); err != nil {
		return err
	}
	if err := os.Mkdir(j.parts(), 0o750); err != nil {
		return err
	}
	if j.file, err = os.OpenFile(filepath.Join(j.dir, "journal"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640); err != nil {
		return err
	}
	var whole bool // the last line
	for lines := bufio.NewReader(j.file); ; {
		line, err := lines.ReadBytes('\n')
		var e entry
		if len(line) > 0 && json.Unmarshal(line, &e) == nil && e.path() != "" {
			j.known[e.path()] = e // another line was cut off by a kill
		}
		if errors.Is(err, io.EOF) {
			whole = len(line) == 0
			break
		}
		if err != nil {
			return err
		}
	}
	if whole {
		return nil
	}
	_, err = j.file.WriteString("\n")
	return err
}

// parts is the folder of results that are on their way.
func (j *journal) parts() string { return filepath.Join(j.dir, "parts") }

// add writes a line, at once, so that a kill loses none that was written.
func (j *journal) add(name string, e entry) error {
	e.Path, e.Raw = text(name)
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return &fullError{err}
	}
	return nil
}

func (j *journal) close() {
	j.file.Close()
	_ = j.lock.Release() // the process's end would do
}
