package vips

// #include "jpegload.h"
import "C"

import "unsafe"

// LoadJPEG is LoadWatched for a JPEG that is read in sequence, and faster:
// libvips reads the header, libjpeg-turbo makes the pixels. A JPEG of print
// colours, and one that is not read in sequence or although it is broken, are
// left to libvips; only for those upTo is called.
func LoadJPEG(data []byte, upTo func() int, options Options) (*Image, error) {
	if options["access"] != "sequential" || options["fail_on"] != "error" {
		return LoadWatched("jpegload_source", data, upTo(), options)
	}
	header, err := LoadWatched("jpegload_source", data, 0, options)
	if err != nil {
		return nil, err
	}
	shrink, ok := options["shrink"].(int)
	if !ok {
		shrink = 1
	}
	var out *C.VipsImage
	var reel *C.MlReel
	start := (*C.guint8)(unsafe.SliceData(data))
	switch C.ml_jpeg_load(header.p, start, C.size_t(len(data)), C.int(shrink), &out, &reel) {
	case 0:
		C.g_object_unref(C.gpointer(header.p))
		header.p, header.reel, header.turbo = out, reel, true
		return header, nil
	case 1:
		header.Close()
		return LoadWatched("jpegload_source", data, upTo(), options)
	}
	header.Close()
	return nil, lastError()
}

// ReadOn decodes what has not been wanted of an image by LoadJPEG, which takes
// less time than to check all of it with CheckJPEG. Of other images it reads
// nothing.
func (i *Image) ReadOn() error {
	if i.turbo && C.ml_jpeg_read_on(i.reel) != 0 {
		return lastError()
	}
	return nil
}
