package imagehead

import (
	"errors"
	"io"
)

// firstLook is the buffer that most images are judged from, in bytes.
const firstLook = 4 << 10

// Peek reads no more of r than it takes to judge the image, and at most Size
// bytes: a slow upload that is no image is refused by its first bytes. What
// was read comes back beside any error; an error of r comes back as it is.
func Peek(r io.Reader) (Header, []byte, error) {
	head := make([]byte, 0, firstLook)
	next := longestMagic
	for {
		var err error
		if head, err = readSome(r, head); err != nil && !errors.Is(err, io.EOF) {
			return Header{}, head, err
		}
		if err != nil || len(head) == Size {
			h, err := Read(head)
			return h, head, err
		}
		if len(head) < next {
			continue
		}
		// Growing by a quarter keeps the work linear however small the reads are.
		next = len(head) + len(head)/4
		if h, err := parse(head); !errors.Is(err, errMore) {
			return h, head, err
		}
	}
}

// readSome appends what one read gives, and grows the buffer up to Size.
func readSome(r io.Reader, head []byte) ([]byte, error) {
	if len(head) == cap(head) {
		grown := make([]byte, len(head), min(2*cap(head), Size))
		copy(grown, head)
		head = grown
	}
	n, err := r.Read(head[len(head):cap(head)])
	return head[:len(head)+n], err
}
