package backup

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"sync"

	"minilab/internal/storage"
)

// entry is a line of the list.
type entry struct {
	State       storage.State `json:"state"`
	Key         string        `json:"key"`
	Size        int64         `json:"size"`
	SHA256      string        `json:"sha256"`
	ContentType string        `json:"contentType"`
}

// list is a list of images being written. It is safe for concurrent use.
type list struct {
	file *os.File

	mu           sync.Mutex
	out          *bufio.Writer
	count, bytes int64
}

func newList(path string) (*list, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, DiskFault(err)
	}
	return &list{file: f, out: bufio.NewWriter(f)}, nil
}

func (l *list) add(i storage.Info) error {
	line, err := json.Marshal(entry{i.State, i.Key, i.Size, i.SHA256, i.ContentType})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	l.bytes += i.Size
	_, err = l.out.Write(append(line, '\n'))
	return err
}

// end is the end of a list that is complete.
func (l *list) end() error { return errors.Join(l.out.Flush(), l.file.Sync()) }

func (l *list) close() error { return l.file.Close() }

// readList reads a list. The reading ends with the first error.
func readList(path string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(storage.Info{}, err)
			return
		}
		defer f.Close()
		lines := json.NewDecoder(bufio.NewReader(f))
		for {
			var e entry
			err := lines.Decode(&e)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(storage.Info{
				State: e.State, Key: e.Key, Size: e.Size, SHA256: e.SHA256, ContentType: e.ContentType,
			}, err) || err != nil {
				return
			}
		}
	}
}
