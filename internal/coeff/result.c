// Laying, coding and writing blocks.
//
// Bounds: a plane's blocks are asked for by place, which is below its size for each
// unit of the result: room.c has planes as large as the units that the result is
// made of. A count of codes is of a run below 16 and a size below 12, since no
// coefficient is beyond ML_LARGEST, and no first one beyond ML_LEAST_DC.
#include "result.h"

#include <stdlib.h>
#include <string.h>

static int
is_turned(const MlOrder *o)
{
	return o->transpose || o->flop || o->flip;
}

// index_of is that of a plane's block that comes to a place in the result.
static size_t
index_of(const MlOrder *o, const MlPlane *p, int x, int y)
{
	int across = o->transpose ? p->down : p->across, down = o->transpose ? p->across : p->down;

	if (o->flop)
		x = across - 1 - x;
	if (o->flip)
		y = down - 1 - y;
	return (o->transpose ? x : y) * p->line + (o->transpose ? y : x);
}

const int16_t *
ml_block(MlResult *r, const MlPlane planes[ML_COMPONENTS], int component, int x, int y)
{
	const int16_t *block = planes[component].blocks + 64 * index_of(r->order, &planes[component], x, y);

	if (!is_turned(r->order))
		return block;
	r->kernel->lay(r->order, block, r->room);
	return r->room;
}

// count notes which codes a block will need.
static void
count(uint32_t often[2][256], const int16_t *block, int *dc)
{
	int difference = block[0] - *dc, run = 0;

	*dc = block[0];
	often[0][difference ? 32 - __builtin_clz(abs(difference)) : 0]++;
	for (int k = 1; k < 64; k++) {
		int n = block[ml_natural[k]];

		if (n == 0) {
			run++;
			continue;
		}
		for (; run > 15; run -= 16)
			often[1][0xf0]++;
		often[1][run << 4 | (32 - __builtin_clz(abs(n)))]++;
		run = 0;
	}
	often[1][0] += run > 0;
}

// write_unit writes the unit at a place in the result, or counts its codes.
static void
write_unit(MlResult *r, const MlPlane *planes, int x, int y)
{
	for (int c = 0; c < r->shape.components; c++) {
		int h = c ? 1 : r->shape.h, v = c ? 1 : r->shape.v;

		for (int down = 0; down < v; down++)
			for (int across = 0; across < h; across++) {
				const int16_t *block = ml_block(r, planes, c, x * h + across, y * v + down);

				if (r->counting)
					count(r->often[c > 0], block, &r->coder.dc[c]);
				else
					r->kernel->write(&r->writer.bits, &r->coder, c, block);
			}
	}
}

// interval writes the restart marker that is due, and leaves of so many units those up
// to the next one.
static int
interval(MlResult *r, int *units)
{
	int status;

	if (!r->order->restart)
		return ML_DONE;
	if (r->units == r->order->restart) {
		r->units = 0;
		if (!r->counting && (status = ml_mark(&r->writer, 0xd0 + r->mark)))
			return status;
		r->mark = (r->mark + 1) & 7;
		memset(r->coder.dc, 0, sizeof(r->coder.dc));
	}
	if (*units > r->order->restart - r->units)
		*units = r->order->restart - r->units;
	r->units += *units;
	return ML_DONE;
}

int
ml_write_rows(MlResult *r, const MlPlane *planes, int count)
{
	int status;

	for (int y = 0; y < count; y++) {
		for (int x = 0, units; x < r->shape.across; x += units) {
			units = r->shape.across - x;
			if ((status = interval(r, &units)))
				return status;
			if ((planes[0].carried || !is_turned(r->order)) && !r->counting)
				r->kernel->write_units(&r->writer.bits, &r->coder, r->bytes, r->source, &r->shape, planes, y, x, x + units);
			else
				for (int i = x; i < x + units; i++)
					write_unit(r, planes, i, y);
		}
		if (!r->counting && (status = ml_flush(&r->writer)))
			return status;
	}
	return ML_DONE;
}

static void
find_places(MlPlaces *p)
{
	memset(p, 0, sizeof(*p));
	for (int y = 0; y < 8; y++)
		for (int bits = 0; bits < 256; bits++)
			for (int x = 0; x < 8; x++)
				if (bits >> x & 1)
					p->of[y][bits] |= 1ull << ml_zigzag[8 * y + x];
}

// set has codes written from the start.
static void
set(MlResult *r, const MlCodes codes[2][2])
{
	r->counting = r->units = r->mark = 0;
	memset(r->coder.dc, 0, sizeof(r->coder.dc));
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++)
			ml_encoder(&r->coder.codes[i][j], &codes[i][j]);
}

int
ml_begin(MlResult *r, const MlCodes *const ac[2])
{
	MlCodes codes[2][2];

	for (int i = 0; i < 2; i++) {
		codes[i][0] = ml_dc_codes[i];
		codes[i][1] = ac[i] ? *ac[i] : ml_ac_codes[i];
	}
	set(r, codes);
	return ml_write_head(&r->writer, r->order, &r->shape, codes);
}

int
ml_begin_optimal(MlResult *r, const MlPlane *planes)
{
	MlCodes codes[2][2];

	memset(codes, 0, sizeof(codes));
	r->counting = 1;
	ml_write_rows(r, planes, r->height);
	for (int i = 0; i < (r->shape.components > 1 ? 2 : 1); i++)
		for (int j = 0; j < 2; j++)
			ml_optimal(&codes[i][j], r->often[i][j]);
	set(r, codes);
	return ml_write_head(&r->writer, r->order, &r->shape, codes);
}

void
ml_result(MlResult *r, const MlHead *head, const MlOrder *o, const MlKernel *kernel)
{
	r->order = o;
	r->kernel = kernel;
	r->shape = (MlShape) { o->grey ? 1 : head->components, 1, 1, 0 };
	if (!o->grey) {
		r->shape.h = o->transpose ? head->v : head->h;
		r->shape.v = o->transpose ? head->h : head->v;
	}
	r->shape.across = ml_units(o->width, r->shape.h);
	r->height = ml_units(o->height, r->shape.v);
	find_places(&r->coder.places);
}
