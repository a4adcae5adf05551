// Writing a JPEG's bytes.
//
// Bounds: line has room for as many blocks as are written before the next flush,
// each of at most ML_BLOCK_MOST bytes, and for the 8 bytes that append writes at
// once. Stuffing at most doubles them: behind ML_PIECE bytes out has room for
// twice a line, and for a piece, and is emptied whenever it holds more than these.
#include "writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ML_PIECE 65536 // bytes that are written at once

int
ml_writer(MlWriter *w, size_t blocks, int file, int64_t limit)
{
	size_t line = blocks * ML_BLOCK_MOST + 2 * ML_APPEND;

	memset(w, 0, sizeof(*w));
	w->room = ML_PIECE + (2 * line > ML_PIECE ? 2 * line : ML_PIECE);
	w->file = file;
	w->limit = limit;
	w->line = malloc(line);
	w->out = malloc(w->room);
	w->bits = (MlBits) { w->line, 0, 0 };
	return w->line && w->out ? ML_DONE : ML_MEMORY;
}

void
ml_writer_free(MlWriter *w)
{
	free(w->line);
	free(w->out);
}

static int
empty(MlWriter *w)
{
	const uint8_t *p = w->out;

	w->written += w->filled;
	if (w->written > w->limit)
		return ML_LIMIT;
	while (w->filled > 0) {
		ssize_t n = write(w->file, p, w->filled);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ML_FILE;
		p += n;
		w->filled -= n;
	}
	return ML_DONE;
}

int
ml_bytes(MlWriter *w, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;

	while (length > 0) {
		size_t n = length < ML_PIECE ? length : ML_PIECE;
		int status;

		memcpy(w->out + w->filled, p, n);
		w->filled += n;
		p += n;
		length -= n;
		if (w->filled > ML_PIECE && (status = empty(w)))
			return status;
	}
	return ML_DONE;
}

// ml_flush moves the whole bytes of the line to out, with a 0 behind each FF.
int
ml_flush(MlWriter *w)
{
	const uint8_t *p = w->line, *end;
	uint8_t *out = w->out + w->filled;

	end = w->bits.p;
	while (p < end) {
		const uint8_t *ff = memchr(p, 0xff, end - p);
		size_t n = (ff ? ff + 1 : end) - p;

		memcpy(out, p, n);
		out += n;
		p += n;
		if (ff)
			*out++ = 0;
	}
	w->filled = out - w->out;
	w->bits.p = w->line;
	return w->filled > ML_PIECE ? empty(w) : ML_DONE;
}

int
ml_mark(MlWriter *w, int mark)
{
	const uint8_t marker[2] = { 0xff, mark };
	int status;

	if ((status = ml_flush(w)))
		return status;
	if (w->bits.count > 0) {
		*w->bits.p++ = w->bits.bits >> 56 | 255 >> w->bits.count;
		w->bits.bits = w->bits.count = 0;
		if ((status = ml_flush(w)))
			return status;
	}
	return ml_bytes(w, marker, sizeof(marker));
}

int
ml_close(MlWriter *w)
{
	return empty(w);
}
