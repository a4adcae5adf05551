// The result's bytes, on their way to a file.
#ifndef ML_WRITER_H
#define ML_WRITER_H

#include "kernel.h"

// A block has a code of at most 16 bits and 11 behind it, then 63 of 16 and 10.
// append writes 8 bytes at once.
#define ML_BLOCK_MOST 209
#define ML_APPEND 8

typedef struct {
	MlBits bits;   // of the row that is being written
	uint8_t *line; // the row's bytes, before any are stuffed between them
	uint8_t *out;
	size_t filled, room; // of out
	int file;
	int64_t written, limit;
} MlWriter;

// ml_writer has room for so many blocks between two calls of ml_flush, ml_mark, or
// ml_bytes.
int ml_writer(MlWriter *w, size_t blocks, int file, int64_t limit);
void ml_writer_free(MlWriter *w);

int ml_bytes(MlWriter *w, const void *p, size_t length);
int ml_flush(MlWriter *w);

// ml_mark ends the data before a marker.
int ml_mark(MlWriter *w, int mark);

// ml_close writes what is left.
int ml_close(MlWriter *w);

#endif
