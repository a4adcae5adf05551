// Keeping codes: blocks are laid and coded as they come, and it is noted where in the
// result they go, so it is written in one go. That takes a fifth of the room of coefficients.
//
// Bounds: before a row of blocks is coded there is room for ML_BLOCK_MOST bytes of each
// and for what append writes at once, which is also what may be looked at behind them.
// A block of the planes comes to one place of the result, which has as many.
#include "kept.h"

#include <stdlib.h>

static size_t
size_of(const MlPlane *p)
{
	return (size_t) p->across * p->down;
}

int
ml_kept(MlKept *k, const MlOrder *o, const MlPlane planes[ML_COMPONENTS], int components, size_t likely)
{
	size_t blocks = 0;

	k->order = o;
	for (int c = 0; c < components; c++) {
		const MlPlane *p = &planes[c];
		MlPlane *to = &k->planes[c];

		blocks += size_of(p);
		if (blocks * sizeof(MlCarried) > ML_KEPT_MOST)
			return ML_STRANGE;
		if (!(k->blocks[c] = malloc(size_of(p) * sizeof(MlCarried))))
			return ML_MEMORY;
		to->across = o->transpose ? p->down : p->across;
		to->down = o->transpose ? p->across : p->down;
		to->line = to->across;
		to->carried = k->blocks[c];
	}
	k->room = likely;
	k->bits.p = malloc(likely);
	k->bytes.first = k->bits.p;
	return k->bits.p ? ML_DONE : ML_MEMORY;
}

void
ml_kept_free(MlKept *k)
{
	for (int c = 0; c < ML_COMPONENTS; c++)
		free(k->blocks[c]);
	free((void *) k->bytes.first);
}

// have has room for so many bytes more.
static int
have(MlKept *k, size_t more)
{
	size_t used = k->bits.p - k->bytes.first, room = k->room;
	uint8_t *grown;

	if (room - used >= more)
		return ML_DONE;
	room += room / 2 + more;
	if (room > ML_KEPT_MOST)
		return ML_STRANGE;
	if (!(grown = realloc((void *) k->bytes.first, room)))
		return ML_MEMORY;
	k->room = room;
	k->bytes.first = grown;
	k->bits.p = grown + used;
	return ML_DONE;
}

// index_of is where in the result the block at the beginning of a row of the source is.
static size_t
index_of(const MlOrder *o, const MlPlane *to, int row)
{
	int x = o->transpose ? row : 0, y = o->transpose ? 0 : row;

	if (o->flop)
		x = to->across - 1 - x;
	if (o->flip)
		y = to->down - 1 - y;
	return y * to->line + x;
}

int
ml_keep_row(MlKept *k, const MlKernel *kernel, const MlCoder *coder, int component, int at, const MlPlane *row)
{
	const MlOrder *o = k->order;
	const MlPlane *to = &k->planes[component];
	int count = o->transpose ? to->down : to->across, status;
	long across = o->flop ? -1 : 1, down = o->flip ? -(long) to->line : (long) to->line;

	for (int v = 0; v < row->v; v++) {
		if ((status = have(k, (size_t) count * ML_BLOCK_MOST + 2 * ML_APPEND)))
			return status;
		kernel->keep(&k->bits, k->bytes.first, coder, component, o, row->blocks + 64 * v * row->line, count,
			k->blocks[component] + index_of(o, to, at * row->v + v), o->transpose ? down : across);
	}
	return ML_DONE;
}
