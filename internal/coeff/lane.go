package coeff

// #cgo CFLAGS: -O3 -Wall -Wextra -Wno-psabi
// #include <errno.h>
// #include "coeff.h"
import "C"

import (
	"cmp"
	"fmt"
	"runtime"
	"syscall"
)

// Open reads the header. It returns ErrStrange for what the lane does not
// understand; the rest of the data may still turn out to be strange. The data
// must stay as it is for as long as the image is in use.
func Open(data []byte) (*Image, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	head, err := readHead(data, &pin)
	if err != nil {
		return nil, err
	}
	i := &Image{
		Width: int(head.width), Height: int(head.height), Components: int(head.components), H: int(head.h), V: int(head.v),
		Restart: int(head.restart), Progressive: head.progressive != 0, data: data,
	}
	return i, nil
}

// readHead reads the header, which points to the data; pin keeps that in place.
func readHead(data []byte, pin *runtime.Pinner) (*C.MlHead, error) {
	if len(data) == 0 {
		return nil, ErrStrange
	}
	pin.Pin(&data[0])
	head := new(C.MlHead)
	return head, fault(C.ml_head((*C.uint8_t)(&data[0]), C.size_t(len(data)), head), nil)
}

// Fits says that the lane can do what is asked. The corner of the region that
// becomes the result's first pixel must lie on borders of units, so that the
// result's units are those of the source.
func (i *Image) Fits(o Order) bool {
	_, ok := i.window(o)
	return ok
}

// window is the units that a region is made of, in units.
func (i *Image) window(o Order) (w Region, ok bool) {
	r, width, height := o.Region, 8*i.H, 8*i.V
	if r.Left < 0 || r.Top < 0 || r.Width < 1 || r.Height < 1 || r.Width > i.Width-r.Left || r.Height > i.Height-r.Top {
		return w, false
	}
	flop, flip := o.Turn.Flop, o.Turn.Flip // of the source's columns and rows
	if o.Turn.Transpose {
		flop, flip = flip, flop
	}
	var across, down bool
	w.Left, w.Width, across = stretch(r.Left, r.Width, width, flop)
	w.Top, w.Height, down = stretch(r.Top, r.Height, height, flip)
	return w, across && down
}

// stretch is the units of a part of an axis that is read from its start, or,
// mirrored, from its end.
func stretch(from, length, unit int, mirrored bool) (first, count int, ok bool) {
	count = (length + unit - 1) / unit
	if mirrored {
		return (from+length)/unit - count, count, (from+length)%unit == 0
	}
	return from / unit, count, from%unit == 0
}

// Write writes the result to the start of an empty file of which only the
// descriptor is given, at most limit bytes. After an error there may be some bytes
// in the file.
func (i *Image) Write(fd int, limit int64, o Order) error {
	return i.write(fd, limit, o, false)
}

// write takes the kernel without the processor's own instructions if portable.
func (i *Image) write(fd int, limit int64, o Order, portable bool) error {
	w, ok := i.window(o)
	if !ok {
		return ErrStrange
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	head, err := readHead(i.data, &pin)
	if err != nil {
		return err
	}
	order := new(C.MlOrder)
	order.left, order.top, order.across, order.down = C.int(w.Left), C.int(w.Top), C.int(w.Width), C.int(w.Height)
	order.width, order.height = C.int(o.Region.Width), C.int(o.Region.Height)
	if o.Turn.Transpose {
		order.width, order.height = order.height, order.width
	}
	order.transpose, order.flop, order.flip = flag(o.Turn.Transpose), flag(o.Turn.Flop), flag(o.Turn.Flip)
	order.optimal, order.portable = flag(o.Optimal), flag(portable)
	order.restart = C.int(o.Restart)
	order.file, order.limit = C.int(fd), C.int64_t(limit)
	setColours(order, o.Colours)
	setTables(order, head, o)
	if len(o.Head) > 0 {
		pin.Pin(&o.Head[0])
		order.segments, order.length = (*C.uint8_t)(&o.Head[0]), C.size_t(len(o.Head))
	}
	status, errno := C.ml_alter(head, order)
	return fault(status, errno)
}

func setColours(order *C.MlOrder, c Colours) {
	for k := range c.Luma {
		order.luma[k] = C.float(c.Luma[k])
	}
	for k := range c.Chroma {
		for j := range c.Chroma[k] {
			order.chroma[k][j] = C.float(c.Chroma[k][j])
		}
	}
	order.add, order.grey, order.clips = C.float(c.Add), flag(c.Grey), flag(c.Stops != nil)
	if c.Stops == nil {
		return
	}
	for i, row := range c.Stops.Rows {
		middle := c.Stops.Add[i] - 128
		for k, f := range row {
			order.rgb[i][k] = C.float(f)
			middle += 128 * f
		}
		order.rgb[i][3] = C.float(middle)
	}
}

// setTables sets the result's steps, in the source's natural order.
func setTables(order *C.MlOrder, head *C.MlHead, o Order) {
	if o.Tables == nil {
		return
	}
	order.requantise = 1
	zigzag := &C.ml_zigzag
	for c := range order.quant[:head.components] {
		order.table[c] = C.int(min(c, 1))
		for k := range order.quant[c] {
			at := k
			if o.Turn.Transpose {
				at = k&7<<3 | k>>3
			}
			order.quant[c][k] = C.uint16_t(o.Tables[min(c, 1)][zigzag[at]])
		}
	}
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

func fault(status C.int, errno error) error {
	switch status {
	case C.ML_DONE:
		return nil
	case C.ML_LIMIT:
		return ErrLimit
	case C.ML_MEMORY:
		return ErrMemory
	case C.ML_FILE:
		return fmt.Errorf("coeff: write: %w", cmp.Or(errno, error(syscall.EIO)))
	}
	return ErrStrange
}
