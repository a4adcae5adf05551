// Altering a JPEG row of units by row. Two rows of coefficients are there at
// once, since luma needs the chroma around it; a result that is transposed or
// mirrored top to bottom is kept as a whole, up to ML_KEPT_MOST.
//
// Bounds: rows and what is kept are allotted by the same numbers that the loops
// go by: a window lies within the source (checked by fits), and a Plane's blocks
// are asked for by place, which is below its size for each unit of the result.
#include "scans.h"
#include "segments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Plane is a component's blocks, row by row.
typedef struct {
	int16_t *blocks;
	int across, down;
	size_t line; // coefficients from a row's start to the next one's
	int h, v;    // blocks of a unit
} Plane;

typedef struct {
	const MlOrder *order;
	const MlKernel *kernel;
	MlShape shape; // of the source
	int down;      // rows of units in the source
	MlColours colours;
	int recoloured; // the map is not the one that changes nothing
	MlColours sharing; // the same, but no chroma is made
	MlClip clip;
	MlSamples samples[3]; // of chroma, of three rows
	int16_t *made[ML_COMPONENTS];
	uint8_t *clipped;
	MlReader *reader;
	MlScans *scans; // instead, if there are several
	int16_t *rows[2][ML_COMPONENTS]; // of the source, even ones and odd ones
	MlVector *shared[3];		 // what chroma adds to luma, of three rows
	MlVector *lines;
	Plane kept[ML_COMPONENTS]; // of the result, before it is turned
	void *memory[32];
	int allotted;

	// The result.
	MlWriter writer;
	MlEncoder codes[2][2]; // of luma and of chroma
	MlPlaces places;
	uint32_t often[2][2][256];
	int counting;		  // codes are counted, not written
	MlShape result;
	int height; // units
	int progressive;
	int units, mark; // since the last restart marker; the next one's number
	int dc[ML_COMPONENTS];
	_Alignas(32) int16_t room[64]; // for a block that is turned
} Lane;

static void *
allot(Lane *l, size_t count, size_t size)
{
	void *p = NULL;

	if (l->allotted < (int) (sizeof(l->memory) / sizeof(*l->memory)) && posix_memalign(&p, 64, count * size + 64) == 0)
		l->memory[l->allotted++] = p;
	return p;
}

// fits says that the window lies within the source and holds the result.
static int
fits(const Lane *l)
{
	const MlOrder *o = l->order;
	int width = o->transpose ? o->height : o->width, height = o->transpose ? o->width : o->height;

	return o->left >= 0 && o->top >= 0 && o->across > 0 && o->down > 0 && o->across <= l->shape.across - o->left &&
		o->down <= l->down - o->top && width > 0 && height > 0 && ml_units(width, l->shape.h) == o->across &&
		ml_units(height, l->shape.v) == o->down;
}

// are_tables says that the result's steps are as they are numbered, and can be
// divided by.
static int
are_tables(const MlOrder *o, int components)
{
	for (int c = 0; c < components; c++) {
		for (int k = 0; k < 64; k++)
			if (o->quant[c][k] < 1 || o->quant[c][k] > ML_MOST_QUANT)
				return 0;
		for (int b = 0; b <= c; b++)
			if ((o->table[c] & ~3) || (o->table[b] == o->table[c] && memcmp(o->quant[b], o->quant[c], sizeof(o->quant[c])) != 0))
				return 0;
	}
	return 1;
}

static int
keeps(const Lane *l)
{
	return l->order->transpose || l->order->flip || l->order->optimal || l->progressive;
}

// allot_all allots what the lane works with.
static int
allot_all(Lane *l)
{
	const MlShape *s = &l->shape;
	size_t blocks = (size_t) s->across, kept = 0;

	if (!(l->reader = allot(l, 1, sizeof(*l->reader))))
		return ML_MEMORY;
	for (int i = 0; i < 2; i++)
		for (int c = 0; c < s->components; c++)
			if (!(l->rows[i][c] = allot(l, blocks * (c ? 1 : s->h * s->v), 64 * sizeof(int16_t))))
				return ML_MEMORY;
	for (int i = 0; i < 3; i++) {
		if (!(l->shared[i] = allot(l, blocks, 8 * sizeof(MlVector))))
			return ML_MEMORY;
		memset(l->shared[i], 0, blocks * 8 * sizeof(MlVector)); // and so it stays without chroma
	}
	for (int c = 0; c < s->components && l->order->clips; c++)
		if (!(l->made[c] = allot(l, blocks * (c ? 1 : s->h * s->v), 64 * sizeof(int16_t))))
			return ML_MEMORY;
	for (int i = 0; i < 6 && s->components > 1 && l->order->clips; i++) {
		MlSamples *to = &l->samples[i % 3];

		to->at[i / 3] = allot(l, blocks, 8 * sizeof(MlVector));
		to->range[i / 3] = allot(l, blocks, sizeof(MlRange));
		if (!to->at[i / 3] || !to->range[i / 3])
			return ML_MEMORY;
	}
	l->clipped = allot(l, blocks, 1);
	l->lines = allot(l, blocks, 2 * sizeof(MlVector));
	for (int c = 0; c < l->result.components; c++) {
		Plane *p = &l->kept[c];

		p->h = c ? 1 : s->h;
		p->v = c ? 1 : s->v;
		p->across = l->order->across * p->h;
		p->down = l->order->down * p->v;
		p->line = (size_t) p->across * 64;
		if (!keeps(l))
			continue;
		kept += (size_t) p->across * p->down * 64 * sizeof(int16_t);
		if (kept > ML_KEPT_MOST)
			return ML_STRANGE;
		if (!(p->blocks = allot(l, (size_t) p->across * p->down, 64 * sizeof(int16_t))))
			return ML_MEMORY;
	}
	return l->lines && l->clipped ? ML_DONE : ML_MEMORY;
}

// prepare_return: half of what luma gets comes from the chroma before it is rounded,
// half from that after it, taken back through the inverse map. What the inverse
// order adds then is the same with the other sign, and a swap done twice gives luma
// back; nor is any other mixture nearer to what is right for red, green and blue.
// Only for maps that keep the size of errors, as those of swap do.
static void
prepare_return(MlColours *c, const MlOrder *o)
{
	float determinant = o->chroma[0][0] * o->chroma[1][1] - o->chroma[0][1] * o->chroma[1][0];
	float share[2] = {
		(o->luma[1] * o->chroma[1][1] - o->luma[2] * o->chroma[1][0]) / determinant,
		(o->luma[2] * o->chroma[0][0] - o->luma[1] * o->chroma[0][1]) / determinant,
	};

	c->returns = !o->grey && fabsf(fabsf(determinant) - 1) < 1e-3f;
	for (int k = 0; k < 64 && c->returns; k++)
		for (int i = 0; i < 2; i++) {
			c->shared[i][k / 8][k % 8] /= 2;
			c->back[i][k / 8][k % 8] = share[i] * o->quant[1 + i][k] / 2;
		}
}

static void
prepare_colours(MlColours *c, const MlHead *head, const MlOrder *o)
{
	memset(c, 0, sizeof(*c));
	c->grey = o->grey;
	c->add = (MlVector) { 8 * o->add / o->quant[0][0] }; // 8: what the transform makes of a block of ones
	for (int k = 0; k < 64; k++) {
		c->unscale[k / 8][k % 8] = 1.0f / o->quant[0][k];
		c->own[k / 8][k % 8] = o->luma[0] * head->quant[0][k] / o->quant[0][k];
		for (int i = 0; i < 2 && head->components > 1; i++) {
			c->shared[i][k / 8][k % 8] = o->luma[1 + i] * head->quant[1 + i][k];
			for (int j = 0; j < 2 && !o->grey; j++)
				c->cross[i][j][k / 8][k % 8] = o->chroma[i][j] * head->quant[1 + j][k] / o->quant[1 + i][k];
		}
	}
	if (head->components > 1)
		prepare_return(c, o);
}

// The result's blocks.

// laid lays a block as the result is.
static void
laid(const MlOrder *o, const int16_t *from, int16_t *to)
{
	for (int y = 0; y < 8; y++)
		for (int x = 0; x < 8; x++) {
			int16_t n = from[o->transpose ? x << 3 | y : y << 3 | x];

			to[y << 3 | x] = ((o->flop & x) ^ (o->flip & y)) & 1 ? -n : n;
		}
}

// block is the one of a plane that comes to a place in the result.
static const int16_t *
block(const MlOrder *o, const Plane *p, int x, int y, int16_t room[64])
{
	int across = o->transpose ? p->down : p->across, down = o->transpose ? p->across : p->down;
	const int16_t *found;

	if (o->flop)
		x = across - 1 - x;
	if (o->flip)
		y = down - 1 - y;
	found = p->blocks + (o->transpose ? x : y) * p->line + (size_t) (o->transpose ? y : x) * 64;
	if (!o->transpose && !o->flop && !o->flip)
		return found;
	laid(o, found, room);
	return room;
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

// write_unit writes the unit at a place in the result.
static int
write_unit(Lane *l, const Plane *planes, int x, int y)
{
	int status;

	if (l->order->restart && l->units++ == l->order->restart) {
		l->units = 1;
		if (!l->counting && (status = ml_mark(&l->writer, 0xd0 + l->mark)))
			return status;
		l->mark = (l->mark + 1) & 7;
		memset(l->dc, 0, sizeof(l->dc));
	}
	for (int c = 0; c < l->result.components; c++) {
		int h = c ? 1 : l->result.h, v = c ? 1 : l->result.v, kind = c > 0;

		for (int b = 0; b < h * v; b++) {
			const int16_t *from = block(l->order, &planes[c], x * h + b % h, y * v + b / h, l->room);

			if (l->counting)
				count(l->often[kind], from, &l->dc[c]);
			else
				l->kernel->write(&l->writer.bits, from, &l->dc[c], l->codes[kind], &l->places);
		}
	}
	return ML_DONE;
}

// write_rows writes rows of units of the result.
static int
write_rows(Lane *l, const Plane *planes, int count)
{
	int status;

	for (int y = 0; y < count; y++) {
		for (int x = 0; x < l->result.across; x++)
			if ((status = write_unit(l, planes, x, y)))
				return status;
		if (!l->counting && (status = ml_flush(&l->writer)))
			return status;
	}
	return ML_DONE;
}

// take_row takes a finished row of the source over into the result.
static int
take_row(Lane *l, int row)
{
	const MlOrder *o = l->order;
	int at = row - o->top, left = l->height - at * (l->shape.v / l->result.v);
	Plane planes[ML_COMPONENTS];

	if (at < 0 || at >= o->down)
		return ML_DONE;
	for (int c = 0; c < l->result.components; c++) {
		Plane *p = &planes[c];

		*p = l->kept[c];
		p->down = p->v;
		p->line = (size_t) l->shape.across * p->h * 64;
		p->blocks = l->rows[row & 1][c] + (size_t) o->left * p->h * 64;
		for (int v = 0; v < p->v && keeps(l); v++)
			memcpy(l->kept[c].blocks + (at * p->v + v) * l->kept[c].line, p->blocks + v * p->line, l->kept[c].line * sizeof(int16_t));
	}
	if (keeps(l))
		return ML_DONE;
	return write_rows(l, planes, left < l->shape.v / l->result.v ? left : l->shape.v / l->result.v);
}

// Rows of the source.

// near says that a row is inside of the window, or close enough to change what is.
static int
near(const Lane *l, int row)
{
	return row >= l->order->top - 1 && row <= l->order->top + l->order->down;
}

static int
inside(const Lane *l, int row)
{
	return row >= l->order->top && row < l->order->top + l->order->down;
}

// mean is that of a component's samples in a unit.
static float
mean(const Lane *l, int16_t *const planes[ML_COMPONENTS], int component, int unit)
{
	int h = component ? 1 : l->shape.h, v = component ? 1 : l->shape.v, sum = 0;

	for (int b = 0; b < h * v; b++)
		sum += planes[component][((size_t) (b / h) * l->shape.across * h + unit * h + b % h) * 64];
	return sum * l->clip.steps[component][0][0] / (8 * h * v);
}

// has_colours says that the units of a row are on average of colours that there are.
// Others come of no pixels, but luma and chroma can be written so. Decoders stop
// them at the ends of the range, which a map that commutes with stopping red, green
// and blue does not think of when luma and chroma are stopped. The last units of
// rows and columns are not looked at, since what fills them up may be anything.
static int
has_colours(const Lane *l, int16_t *const planes[ML_COMPONENTS])
{
	const float slack = 16; // for what encoders do to chroma between units
	const float step = (l->clip.steps[0][0][0] + 2 * l->clip.steps[1][0][0] + 2 * l->clip.steps[2][0][0]) / 16;

	for (int x = 0; x < l->shape.across - 1; x++) {
		float y = mean(l, planes, 0, x), cb = mean(l, planes, 1, x), cr = mean(l, planes, 2, x);

		for (int i = 0; i < 3; i++) {
			const float *f = l->clip.colours[i];

			if (fabsf(f[0] * y + f[1] * cb + f[2] * cr) > 128 + slack + step)
				return 0;
		}
	}
	return 1;
}

static int
read_row(Lane *l, int row)
{
	int16_t **planes = l->rows[row & 1];

	int status = l->scans ? ml_scans_row(l->scans, &l->shape, row, planes) : l->kernel->read(l->reader, &l->shape, planes);

	if (status)
		return status;
	if (!l->recoloured || l->shape.components == 1 || !near(l, row))
		return ML_DONE;
	if (!l->order->clips && row + 1 < l->down && !has_colours(l, planes))
		return ML_STRANGE;
	if (l->order->clips) {
		const int16_t *const chroma[2] = { planes[1], planes[2] };

		l->kernel->samples(&l->clip, l->shape.across, chroma, &l->samples[row % 3]);
	}
	l->kernel->chroma(l->order->clips ? &l->sharing : &l->colours, l->shape.across, planes[1], planes[2], l->shared[row % 3]);
	return ML_DONE;
}

// clip_row alters what of a row must be altered as pixels, besides.
static void
clip_row(Lane *l, int row)
{
	const MlSamples *samples[3] = { row > 0 ? &l->samples[(row + 2) % 3] : NULL, &l->samples[row % 3],
		row + 1 < l->down ? &l->samples[(row + 1) % 3] : NULL };
	int16_t **planes = l->rows[row & 1];

	l->kernel->clip(&l->clip, &l->shape, planes, samples, l->made, l->clipped);
	if (l->shape.components > 1 && !l->order->grey)
		l->kernel->chroma(&l->colours, l->shape.across, planes[1], planes[2], l->shared[row % 3]);
}

// patch_row puts what was altered as pixels in its place.
static void
patch_row(Lane *l, int row)
{
	const MlShape *s = &l->shape;
	const size_t size = 64 * sizeof(int16_t), across = (size_t) s->across * s->h;
	int16_t **planes = l->rows[row & 1];

	for (int unit = 0; unit < s->across; unit++) {
		for (int b = 0; b < s->h * s->v; b++) {
			size_t at = ((size_t) (b / s->h) * across + unit * s->h + b % s->h) * 64;

			if (l->clipped[unit] >> b & 1)
				memcpy(planes[0] + at, l->made[0] + at, size);
		}
		for (int c = 1; c < l->result.components && l->clipped[unit]; c++)
			memcpy(planes[c] + 64 * unit, l->made[c] + 64 * unit, size);
	}
}

// finish_row is called when the row behind has been read.
static int
finish_row(Lane *l, int row)
{
	const MlVector *shared[3] = { row > 0 ? l->shared[(row + 2) % 3] : NULL, l->shared[row % 3],
		row + 1 < l->down ? l->shared[(row + 1) % 3] : NULL };

	if (!l->recoloured || !inside(l, row))
		return take_row(l, row);
	if (l->order->clips)
		clip_row(l, row);
	l->kernel->luma(&l->colours, &l->shape, l->rows[row & 1][0], shared, l->lines);
	if (l->order->clips)
		patch_row(l, row);
	return take_row(l, row);
}

static int
read_all(Lane *l)
{
	int status;

	for (int row = 0; row < l->down; row++)
		if ((status = read_row(l, row)) || (row > 0 && (status = finish_row(l, row - 1))))
			return status;
	if ((status = finish_row(l, l->down - 1)))
		return status;
	return l->scans ? ML_DONE : ml_finish(l->reader);
}

// write_kept writes what has been kept, with codes made for it if that is asked for.
static int
write_kept(Lane *l)
{
	MlCodes codes[2][2];
	int status;

	if (!l->order->optimal)
		return write_rows(l, l->kept, l->height);
	l->counting = 1;
	write_rows(l, l->kept, l->height);
	l->counting = l->units = l->mark = 0;
	memset(l->dc, 0, sizeof(l->dc));
	memset(codes, 0, sizeof(codes));
	for (int i = 0; i < (l->result.components > 1 ? 2 : 1); i++)
		for (int j = 0; j < 2; j++) {
			ml_optimal(&codes[i][j], l->often[i][j]);
			ml_encoder(&l->codes[i][j], &codes[i][j]);
		}
	if ((status = ml_write_head(&l->writer, l->order, &l->result, codes)))
		return status;
	return write_rows(l, l->kept, l->height);
}

// laid_block implements MlBlocks.
static const int16_t *
laid_block(void *data, int component, int x, int y)
{
	Lane *l = data;

	return block(l->order, &l->kept[component], x, y, l->room);
}

static int
write_progressive(Lane *l, const MlHead *head)
{
	ml_scans_free(l->scans); // a picture's worth of memory
	l->scans = NULL;
	return ml_scans_write(&l->writer, head, l->order, laid_block, l);
}

static int
run(Lane *l, const MlHead *head)
{
	const MlCodes codes[2][2] = { { ml_dc_codes[0], ml_ac_codes[0] }, { ml_dc_codes[1], ml_ac_codes[1] } };
	int status;

	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++)
			ml_encoder(&l->codes[i][j], &codes[i][j]);
	if (!l->scans && (status = ml_reader(l->reader, head)))
		return status;
	if (!l->order->optimal && !l->progressive && (status = ml_write_head(&l->writer, l->order, &l->result, codes)))
		return status;
	if ((status = read_all(l)))
		return status;
	if (l->progressive)
		status = write_progressive(l, head);
	else if (!keeps(l) || (status = write_kept(l)) == ML_DONE)
		status = ml_mark(&l->writer, 0xd9);
	return status ? status : ml_close(&l->writer);
}

// recolours says that the colours' map changes something.
static int
recolours(const MlHead *head, const MlOrder *o)
{
	int same = o->luma[0] == 1 && o->luma[1] == 0 && o->luma[2] == 0 && o->add == 0;

	if (!o->grey && head->components > 1)
		same = same && o->chroma[0][0] == 1 && o->chroma[0][1] == 0 && o->chroma[1][0] == 0 && o->chroma[1][1] == 1;
	return !same || memcmp(head->quant, o->quant, (o->grey ? 1 : head->components) * sizeof(head->quant[0])) != 0;
}

static const MlKernel *
kernel(const MlOrder *o)
{
#if defined(__x86_64__)
	if (!o->portable && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
		return &ml_avx2;
#endif
	return &ml_portable;
}

// prepare_clip needs the colours of YCbCr and the way back (T.871, 7).
static void
prepare_clip(MlClip *c, const MlHead *head, const MlOrder *o)
{
	static const float forth[3][3] = { { 1, 0, 1.402f }, { 1, -0.344136286f, -0.714136286f }, { 1, 1.772f, 0 } };
	static const float back[3][3] = {
		{ 0.299f, 0.587f, 0.114f }, { -0.168735892f, -0.331264108f, 0.5f }, { 0.5f, -0.418687589f, -0.0813124108f }
	};

	memset(c, 0, sizeof(*c));
	c->grey = o->grey;
	memcpy(c->rgb, o->rgb, sizeof(c->rgb));
	memcpy(c->back, back, sizeof(c->back));
	memcpy(c->chroma, o->chroma, sizeof(c->chroma));
	for (int i = 0; i < 3; i++) {
		memcpy(c->colours[i], forth[i], sizeof(forth[i]));
		for (int j = 0; j < 3; j++)
			for (int k = 0; k < 3; k++)
				c->colours[3 + i][j] += o->rgb[i][k] * forth[k][j];
		c->colours[3 + i][3] = o->rgb[i][3];
	}
	for (int i = 0; i < head->components; i++)
		for (int k = 0; k < 64; k++) {
			c->steps[i][k / 8][k % 8] = head->quant[i][k];
			c->unscale[i][k / 8][k % 8] = 1.0f / o->quant[i][k];
		}
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

static void
prepare(Lane *l, const MlHead *head, const MlOrder *o)
{
	l->order = o;
	l->kernel = kernel(o);
	l->shape = (MlShape) { head->components, head->h, head->v, ml_units(head->width, head->h) };
	l->down = ml_units(head->height, head->v);
	l->result = (MlShape) { o->grey ? 1 : head->components, 1, 1, 0 };
	if (!o->grey) {
		l->result.h = o->transpose ? head->v : head->h;
		l->result.v = o->transpose ? head->h : head->v;
	}
	l->result.across = ml_units(o->width, l->result.h);
	l->height = ml_units(o->height, l->result.v);
	l->progressive = head->progressive;
	l->recoloured = recolours(head, o);
	prepare_colours(&l->colours, head, o);
	l->sharing = l->colours;
	l->sharing.grey = 1;
	prepare_clip(&l->clip, head, o);
	find_places(&l->places);
}

// alter does all but free what it has taken.
static int
alter(Lane *l, MlHead *head, MlOrder *order)
{
	int status = head->scans ? ml_scans_read(&l->scans, head) : ML_DONE;

	if (status)
		return status;
	if (!order->requantise) {
		memcpy(order->quant, head->quant, sizeof(order->quant));
		memcpy(order->table, head->table, sizeof(order->table));
	}
	if (!are_tables(order, head->components))
		return ML_STRANGE;
	prepare(l, head, order);
	if (!fits(l))
		return ML_STRANGE;
	if ((status = allot_all(l)) || (status = ml_writer(&l->writer, (size_t) l->result.across * 6, order->file, order->limit)))
		return status;
	return run(l, head);
}

int
ml_alter(const MlHead *head, const MlOrder *order)
{
	MlHead source = *head;
	MlOrder wanted = *order;
	Lane *l = NULL;
	int status;

	if (posix_memalign((void **) &l, 64, sizeof(*l)))
		return ML_MEMORY;
	memset(l, 0, sizeof(*l));
	status = alter(l, &source, &wanted);
	ml_scans_free(l->scans);
	ml_writer_free(&l->writer);
	for (int i = 0; i < l->allotted; i++)
		free(l->memory[i]);
	free(l);
	return status;
}
