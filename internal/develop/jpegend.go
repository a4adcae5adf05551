package develop

import (
	"bytes"
	"encoding/binary"
)

// endJPEG is where the data of the last scan ends, as far as the markers tell.
func endJPEG(data []byte) int {
	end := 0
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
			return end
		}
		at += 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		if mark == markSOS {
			at = scanEnd(data, at)
			end = at
		}
	}
	return end
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
