// Decoding JPEGs with libjpeg-turbo; see LoadJPEG in jpegload.go.
#pragma once
#include "vips.h"

int ml_jpeg_load(VipsImage *header, const guint8 *data, size_t length, int shrink, VipsImage **out, MlReel **reel);
int ml_jpeg_read_on(MlReel *reel);
