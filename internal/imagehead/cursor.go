package imagehead

import "encoding/binary"

// cut gives length bytes from offset, or errMore when they are not all there.
// It is the only way in which the parsers reach into the bytes.
func cut(b []byte, offset, length uint64) ([]byte, error) {
	size := uint64(len(b))
	if offset > size || length > size-offset {
		return nil, errMore
	}
	return b[offset : offset+length], nil
}

// number reads 1 to 8 bytes.
func number(order binary.ByteOrder, b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(order.Uint16(b))
	case 4:
		return uint64(order.Uint32(b))
	}
	return order.Uint64(b)
}
