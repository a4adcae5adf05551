// Altering a JPEG row of units by row. Two rows of coefficients are there at
// once, since luma needs the chroma around it. A result that is transposed or
// mirrored top to bottom is kept as a whole, up to ML_KEPT_MOST, as codes; one whose codes
// are made for it, or that is progressive, as coefficients.
//
// Bounds: rows and what is kept are allotted (room.c) by the same numbers that the
// loops go by, and where there are none, what asks for them is not called. A window
// lies within the source, as fits has found.
#include "lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// fits says that the window lies within the source and holds the result.
static int
fits(const MlLane *l)
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

// find_carried finds the components whose codes are carried over: luma that is only
// added to, if the source has codes for whatever comes of it, and all that does not
// change. Both components of chroma are written with the same codes.
static void
find_carried(MlLane *l, const MlHead *head)
{
	const MlOrder *o = l->order;
	const MlCodes *ac = head->ac;

	if (l->scans || ml_keeps(l) || o->flop)
		return;
	l->carries[0] = !l->recoloured ||
		(o->luma[0] == 1 && memcmp(head->quant[0], o->quant[0], sizeof(o->quant[0])) == 0 && ml_is_complete(&ac[0]));
	l->carries[1] = l->carries[2] = l->shape.components > 1 && !l->recoloured && memcmp(&ac[1], &ac[2], sizeof(*ac)) == 0;
}

// keep keeps a component's row of the source, which is the result's at'th.
static int
keep(MlLane *l, int c, int at, const MlPlane *row)
{
	size_t line = l->planes[c].line;

	if (ml_keeps_codes(l))
		return ml_keep_row(&l->kept, l->kernel, &l->result.coder, c, at, row);
	for (int v = 0; v < row->v; v++)
		memcpy(l->planes[c].blocks + (at * row->v + v) * line * 64, row->blocks + v * row->line * 64, line * 64 * sizeof(int16_t));
	return ML_DONE;
}

// take_row takes a finished row of the source over into the result.
static int
take_row(MlLane *l, int row)
{
	const MlOrder *o = l->order;
	int at = row - o->top, left = l->result.height - at * (l->shape.v / l->result.shape.v), status;
	MlPlane planes[ML_COMPONENTS];

	if (at < 0 || at >= o->down)
		return ML_DONE;
	for (int c = 0; c < l->result.shape.components; c++) {
		MlPlane *p = &planes[c];

		*p = l->planes[c];
		p->down = p->v;
		p->line = (size_t) l->shape.across * p->h;
		if (l->carries[c])
			p->carried = l->carried[row & 1][c] + (size_t) o->left * p->h;
		if (l->rows[row & 1][c])
			p->blocks = l->rows[row & 1][c] + (size_t) o->left * p->h * 64;
		if (ml_keeps(l) && (status = keep(l, c, at, p)))
			return status;
	}
	if (ml_keeps(l))
		return ML_DONE;
	return ml_write_rows(&l->result, planes, left < l->shape.v / l->result.shape.v ? left : l->shape.v / l->result.shape.v);
}

// Rows of the source.

// near says that a row is inside of the window, or close enough to change what is.
static int
near(const MlLane *l, int row)
{
	return row >= l->order->top - 1 && row <= l->order->top + l->order->down;
}

static int
inside(const MlLane *l, int row)
{
	return row >= l->order->top && row < l->order->top + l->order->down;
}

// mean is that of a component's samples in a unit of a row.
static float
mean(const MlLane *l, int row, int component, int unit)
{
	int h = component ? 1 : l->shape.h, v = component ? 1 : l->shape.v, sum = 0;
	const MlCarried *carried = l->carried[row & 1][component];

	for (int y = 0; y < v; y++)
		for (int x = 0; x < h; x++) {
			size_t at = (size_t) y * l->shape.across * h + unit * h + x;

			sum += carried ? carried[at].first : l->rows[row & 1][component][at * 64];
		}
	return sum * l->clip.reach[component].first / (h * v);
}

// has_colours says that the units of a row are on average of colours that there are.
// Others come of no pixels, but luma and chroma can be written so. Decoders stop
// them at the ends of the range, which a map that commutes with stopping red, green
// and blue does not think of when luma and chroma are stopped. The last units of
// rows and columns are not looked at, since what fills them up may be anything.
static int
has_colours(const MlLane *l, int row)
{
	const float slack = 16; // for what encoders do to chroma between units
	const float step = (l->clip.reach[0].first + 2 * l->clip.reach[1].first + 2 * l->clip.reach[2].first) / 2;

	for (int x = 0; x < l->shape.across - 1; x++) {
		float y = mean(l, row, 0, x), cb = mean(l, row, 1, x), cr = mean(l, row, 2, x);

		for (int i = 0; i < 3; i++) {
			const float *f = l->clip.colours[i];

			if (fabsf(f[0] * y + f[1] * cb + f[2] * cr) > 128 + slack + step)
				return 0;
		}
	}
	return 1;
}

static int
read_row(MlLane *l, int row)
{
	int16_t **planes = l->rows[row & 1];
	int status;

	if (l->carries[0])
		ml_begin_row(l->reader);
	status = l->scans ? ml_scans_row(l->scans, &l->shape, row, planes) : l->kernel->read(l->reader, &l->shape, planes, l->carried[row & 1]);
	if (status)
		return status;
	if (!l->recoloured || l->shape.components == 1 || !near(l, row))
		return ML_DONE;
	if (!l->order->clips && row + 1 < l->down && !has_colours(l, row))
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
clip_row(MlLane *l, int row)
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
patch_row(MlLane *l, int row)
{
	const MlShape *s = &l->shape;
	const size_t size = 64 * sizeof(int16_t), across = (size_t) s->across * s->h;
	int16_t **planes = l->rows[row & 1];

	for (int unit = 0; unit < s->across; unit++) {
		for (int b = 0; b < s->h * s->v; b++) {
			size_t at = ((size_t) (b / s->h) * across + unit * s->h + b % s->h) * 64;

			if (!(l->clipped[unit] >> b & 1))
				continue;
			memcpy(planes[0] + at, l->made[0] + at, size);
			if (l->carries[0])
				l->carried[row & 1][0][at / 64].bits = ML_UNCARRIED;
		}
		for (int c = 1; c < l->result.shape.components && l->clipped[unit]; c++)
			memcpy(planes[c] + 64 * unit, l->made[c] + 64 * unit, size);
	}
}

// finish_row is called when the row behind has been read.
static int
finish_row(MlLane *l, int row)
{
	const MlVector *shared[3] = { row > 0 ? l->shared[(row + 2) % 3] : NULL, l->shared[row % 3],
		row + 1 < l->down ? l->shared[(row + 1) % 3] : NULL };

	if (!l->recoloured || !inside(l, row))
		return take_row(l, row);
	if (l->order->clips)
		clip_row(l, row);
	l->kernel->luma(&l->colours, &l->shape, l->rows[row & 1][0], l->carried[row & 1][0], shared, l->lines);
	if (l->order->clips)
		patch_row(l, row);
	return take_row(l, row);
}

static int
read_all(MlLane *l)
{
	int status;

	for (int row = 0; row < l->down; row++)
		if ((status = read_row(l, row)) || (row > 0 && (status = finish_row(l, row - 1))))
			return status;
	if ((status = finish_row(l, l->down - 1)))
		return status;
	return l->scans ? ML_DONE : ml_finish(l->reader);
}

// laid_block implements MlBlocks.
static const int16_t *
laid_block(void *data, int component, int x, int y)
{
	MlLane *l = data;

	return ml_block(&l->result, l->planes, component, x, y);
}

static int
write_progressive(MlLane *l, const MlHead *head)
{
	ml_scans_free(l->scans); // a picture's worth of memory
	l->scans = NULL;
	return ml_scans_write(&l->result.writer, head, l->order, laid_block, l);
}

static int
write_kept(MlLane *l)
{
	int status;

	if (ml_keeps_codes(l))
		return ml_write_rows(&l->result, l->kept.planes, l->result.height);
	if ((status = ml_begin_optimal(&l->result, l->planes)))
		return status;
	return ml_write_rows(&l->result, l->planes, l->result.height);
}

// begin begins to read, and to write what need not be kept.
static int
begin(MlLane *l, const MlHead *head)
{
	const MlCodes *const ac[2] = { l->carries[0] ? &head->ac[0] : NULL, l->carries[1] ? &head->ac[1] : NULL };
	int status;

	if (!l->scans && (status = ml_reader(l->reader, head, l->window)))
		return status;
	l->reader->both = l->order->clips && l->recoloured;
	for (int c = 0; c < l->shape.components && !l->scans; c++)
		if (l->carries[c] && !l->reader->both)
			ml_passer(&l->reader->passers[c], &head->ac[c]);
		else
			ml_pairs(&l->reader->pairs[c], &l->reader->codes[c][1]);
	l->result.source = l->reader;
	l->result.bytes = ml_keeps_codes(l) ? &l->kept.bytes : &l->reader->bytes;
	return ml_keeps_blocks(l) ? ML_DONE : ml_begin(&l->result, ac);
}

static int
run(MlLane *l, const MlHead *head)
{
	int status = begin(l, head);

	if (status)
		return status;
	if ((status = read_all(l)))
		return status;
	if (l->progressive)
		status = write_progressive(l, head);
	else if (!ml_keeps(l) || (status = write_kept(l)) == ML_DONE)
		status = ml_mark(&l->result.writer, 0xd9);
	return status ? status : ml_close(&l->result.writer);
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

static void
prepare(MlLane *l, const MlHead *head, const MlOrder *o)
{
	l->order = o;
	l->kernel = kernel(o);
	l->shape = (MlShape) { head->components, head->h, head->v, ml_units(head->width, head->h) };
	l->down = ml_units(head->height, head->v);
	l->progressive = head->progressive;
	l->recoloured = ml_recolours(head, o);
	ml_result(&l->result, head, o, l->kernel);
	ml_colours(&l->colours, head, o);
	l->sharing = l->colours;
	l->sharing.grey = 1;
	ml_clip(&l->clip, head, o);
	for (int c = 0; c < l->result.shape.components; c++) {
		MlPlane *p = &l->planes[c];

		p->h = c ? 1 : l->shape.h;
		p->v = c ? 1 : l->shape.v;
		p->across = o->across * p->h;
		p->down = o->down * p->v;
		p->line = p->across;
	}
}

// alter does all but free what it has taken.
static int
alter(MlLane *l, MlHead *head, MlOrder *order)
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
	find_carried(l, head);
	if ((status = ml_lane_allot(l, head)) || (status = ml_writer(&l->result.writer, (size_t) l->result.shape.across * 6, order->file, order->limit)))
		return status;
	return run(l, head);
}

int
ml_alter(const MlHead *head, const MlOrder *order)
{
	MlHead source = *head;
	MlOrder wanted = *order;
	MlLane *l = NULL;
	int status;

	if (posix_memalign((void **) &l, 64, sizeof(*l)))
		return ML_MEMORY;
	memset(l, 0, sizeof(*l));
	status = alter(l, &source, &wanted);
	ml_scans_free(l->scans);
	ml_writer_free(&l->result.writer);
	ml_lane_free(l);
	free(l);
	return status;
}
