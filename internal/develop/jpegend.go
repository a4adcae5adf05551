package develop

import (
	"bytes"
	"encoding/binary"

	"minilab/internal/engine/wire"
)

// maxScans is several times what encoders write. Each scan is a way through
// all of the picture, which may take but a byte for a million pixels.
const maxScans = 100

// boundJPEG refuses an image that is meant to keep its decoder busy. Of one whose
// first scan has all that there is, decoders read no other.
func boundJPEG(data []byte) error {
	if readJPEG(data).single() {
		return nil
	}
	if scans, _ := scansOfJPEG(data); scans > maxScans {
		return wire.ErrBroken.Detailf("the JPEG image has %d scans, more than any image needs", scans)
	}
	return nil
}

// endJPEG is where the data of the last scan ends, as far as the markers tell.
func endJPEG(data []byte) int {
	_, end := scansOfJPEG(data)
	return end
}

// scansOfJPEG is how many scans there are, and where the last one ends.
func scansOfJPEG(data []byte) (scans, end int) {
	for at := 2; at+4 <= len(data); {
		mark := data[at+1]
		switch {
		case data[at] != 0xff || mark == 0xff:
			at++
			continue
		case mark == 0 || mark == markTEM || mark >= markRST0 && mark <= markRST7:
			at += 2
			continue
		case mark == markEOI:
			return scans, end
		}
		at += 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		if mark == markSOS {
			at = scanEnd(data, at)
			scans, end = scans+1, at
		}
	}
	return scans, end
}

// scanEnd is where the next marker is that is not within a scan.
func scanEnd(data []byte, at int) int {
	for at < len(data) {
		next := bytes.IndexByte(data[at:], 0xff)
		if next < 0 || at+next+1 >= len(data) {
			break
		}
		at += next
		if mark := data[at+1]; mark != 0 && mark != 0xff && (mark < markRST0 || mark > markRST7) {
			return at
		}
		at++
	}
	return len(data)
}
