// Where colours leave their range. Pixels are stopped at 0 and 255 when they are
// decoded, and again by what is done with them; coefficients know no stop. So the
// blocks in which that happens are altered as pixels: decoded, stopped, altered,
// and transformed back. Included by kernel_body.h.
//
// Most blocks stay within, and each way to find that out is tried before one that
// takes longer: the sum of luma's coefficients and those of the chroma around; luma
// decoded; chroma decoded; all pixels.
//
// Bounds: a row of MlSamples has as many units as the shape says, and so have the
// planes. What is around a unit are units of three rows, of which those that are
// beyond an edge are the ones at it.
#include "kernel_range.h"

// Unit is what is known of the one that is looked at.
typedef struct {
	const MlSamples *rows[3]; // above, at and below it
	int at[3];		  // the unit before, itself and the one behind
	int opened;		  // the chroma around is decoded, and of no use to look at it closer
	int strange;		  // it leaves its range
	MlRange room;		  // of luma with which no colour leaves its range
	int clipped;		  // the following is there
	MlVector sums[2][8];	  // what comes on top of chroma
} Unit;

// room_of is the range that luma has to be in for it and all colours to be in theirs
// with any chroma in such ranges.
INLINE MlRange
room_of(const MlClip *c, MlRange cb, MlRange cr)
{
	const float slack = 1.0f / 64; // more than is lost by adding up in another order
	const float *green = c->colours[1];
	float red = c->colours[0][2], blue = c->colours[2][1];
	MlRange more = { 0, 0 };

	if (c->leads || beyond(cb) || beyond(cr))
		return (MlRange) { 1, -1 };
	more = both(more, (MlRange) { red * cr.low, red * cr.high });
	more = both(more, (MlRange) { blue * cb.low, blue * cb.high });
	more = both(more, (MlRange) { green[1] * cb.high + green[2] * cr.high, green[1] * cb.low + green[2] * cr.low });
	return (MlRange) { -128 - ML_ROUNDS - more.low + slack, 127 + ML_ROUNDS - more.high - slack };
}

// look_around takes the ranges of chroma around a unit.
INLINE void
look_around(const MlClip *c, Unit *u)
{
	MlRange r[2] = { u->rows[1]->range[2 * u->at[1]], u->rows[1]->range[2 * u->at[1] + 1] };

	for (int y = 0; y < 3; y++)
		for (int x = 0; x < 3; x++)
			for (int i = 0; i < 2; i++)
				r[i] = both(r[i], u->rows[y]->range[2 * u->at[x] + i]);
	u->room = room_of(c, r[0], r[1]);
	u->strange = beyond(r[0]) || beyond(r[1]);
}

// open_unit decodes what is around a unit.
INLINE void
open_unit(const MlClip *c, Unit *u)
{
	u->opened = 1;
	for (int y = 0; y < 3; y++)
		for (int x = 0; x < 3; x++)
			decode_unit(c, u->rows[y], u->at[x]);
	look_around(c, u);
}

// line_of is a line of a unit's samples, of which there are 8 and one above and below.
INLINE const MlVector *
line_of(const Unit *u, int i, int x, int y)
{
	const MlSamples *row = y < 0 ? u->rows[0] : y < 8 ? u->rows[1] : u->rows[2];

	if (row == u->rows[1] && (y < 0 || y > 7))
		y = y < 0 ? 0 : 7; // there is none, beyond an edge
	return row->at + (2 * u->at[x] + i) * 8 + (y & 7);
}

// wide gives a line's samples for 8 pixels of luma. The nearest stands for the one
// that is not there, beyond an edge.
INLINE MlVector
wide(const Unit *u, int i, int y, int factor, int h)
{
	const MlVector *at = line_of(u, i, 1, y), *next = line_of(u, i, 2 * h, y);

	if (factor == 1)
		return *at;
	if (h == 0)
		return 0.75f * __builtin_shufflevector(*at, *at, 0, 0, 1, 1, 2, 2, 3, 3) +
			0.25f * (at == next ? __builtin_shufflevector(*at, *at, 0, 1, 0, 2, 1, 3, 2, 4)
					    : __builtin_shufflevector(*at, *next, 15, 1, 0, 2, 1, 3, 2, 4));
	return 0.75f * __builtin_shufflevector(*at, *at, 4, 4, 5, 5, 6, 6, 7, 7) +
		0.25f * (at == next ? __builtin_shufflevector(*at, *at, 3, 5, 4, 6, 5, 7, 6, 7)
				    : __builtin_shufflevector(*at, *next, 3, 5, 4, 6, 5, 7, 6, 8));
}

// spread_out gives the samples for a block of luma, at a place in its unit; 0 without chroma.
INLINE void
spread_out(const Unit *u, const MlShape *s, int i, int h, int v, MlVector out[8])
{
	MlVector lines[6];

	if (s->components == 1) {
		memset(out, 0, 8 * sizeof(*out));
		return;
	}
	if (s->v == 1) {
		for (int y = 0; y < 8; y++)
			out[y] = wide(u, i, y, s->h, h);
		return;
	}
	for (int y = 0; y < 6; y++)
		lines[y] = wide(u, i, 4 * v + y - 1, s->h, h);
	for (int y = 0; y < 8; y++)
		out[y] = 0.75f * lines[y / 2 + 1] + 0.25f * lines[y & 1 ? y / 2 + 2 : y / 2];
}

// colours_of makes red, green and blue of luma, which is stopped, and chroma, and says
// that some leave their range.
INLINE int
colours_of(const MlClip *c, const MlVector luma[8], MlVector chroma[2][8], MlVector rgb[3][8])
{
	const MlVector zero = { 0 };
	MlVector low = zero, high = zero;

	for (int y = 0; y < 8; y++) {
		MlVector l = stopped(luma[y]), cb = chroma[0][y], cr = chroma[1][y];

		rgb[0][y] = l + c->colours[0][2] * cr;
		rgb[1][y] = l + c->colours[1][1] * cb + c->colours[1][2] * cr;
		rgb[2][y] = l + c->colours[2][1] * cb;
		low = lesser(low, lesser(lesser(rgb[0][y], rgb[1][y]), rgb[2][y]));
		high = larger(high, larger(larger(rgb[0][y], rgb[1][y]), rgb[2][y]));
	}
	return is_set((low < zero - 128 - ML_ROUNDS) | (high > zero + 127 + ML_ROUNDS));
}

// lead makes the result's colours, and says that some leave their range.
INLINE int
lead(const MlClip *c, MlVector rgb[3][8])
{
	const MlVector zero = { 0 };
	Wide out = { 0 };

	for (int y = 0; y < 8; y++) {
		MlVector from[3] = { rgb[0][y], rgb[1][y], rgb[2][y] };

		for (int i = 0; i < 3; i++) {
			MlVector x = c->rgb[i][0] * from[0] + c->rgb[i][1] * from[1] + c->rgb[i][2] * from[2] + c->rgb[i][3];

			out |= (x < zero - 128 - ML_ROUNDS) | (x > zero + 127 + ML_ROUNDS);
			rgb[i][y] = stopped(x);
		}
	}
	return is_set(out);
}

// made_of makes luma or chroma of the result of stopped colours.
INLINE void
made_of(const float of[4], MlVector rgb[3][8], MlVector out[8])
{
	for (int y = 0; y < 8; y++)
		out[y] = of[0] * rgb[0][y] + of[1] * rgb[1][y] + of[2] * rgb[2][y] + of[3];
}

// add_up adds what chroma has become beyond what the map makes of it to the
// samples of a unit.
INLINE void
add_up(const MlClip *c, const MlShape *s, int h, int v, MlVector rgb[3][8], MlVector were[2][8], Unit *u)
{
	const MlVector zero = { 0 };
	const float share = 1.0f / (s->h * s->v);

	if (!u->clipped)
		memset(u->sums, 0, sizeof(u->sums));
	u->clipped = 1;
	for (int i = 0; i < 2; i++) {
		MlVector made[8];

		made_of(c->made[1 + i], rgb, made);
		for (int y = 0; y < 8; y++) {
			MlVector more = (made[y] - (c->chroma[i][0] * were[0][y] + c->chroma[i][1] * were[1][y])) * share;

			if (s->h == 2) {
				more += __builtin_shufflevector(more, more, 1, 0, 3, 2, 5, 4, 7, 6);
				more = h ? __builtin_shufflevector(zero, more, 0, 0, 0, 0, 8, 10, 12, 14)
					 : __builtin_shufflevector(zero, more, 8, 10, 12, 14, 0, 0, 0, 0);
			}
			u->sums[i][(8 * v + y) / s->v] += more;
		}
	}
}

// clip_chroma makes a unit's chroma of what the map makes of its samples and what
// comes on top.
INLINE void
clip_chroma(const MlClip *c, const Unit *u, int16_t *const to[2])
{
	for (int i = 0; i < 2; i++) {
		MlVector sums[8];

		for (int y = 0; y < 8; y++)
			sums[y] = u->sums[i][y] + c->chroma[i][0] * *line_of(u, 0, 1, y) + c->chroma[i][1] * *line_of(u, 1, 1, y);
		encode(sums, c->unscale[1 + i], to[i]);
	}
}

// clip_block alters a block of luma as pixels, if colours leave their range in it.
INLINE int
clip_block(const MlClip *c, const MlShape *s, Unit *u, int h, int v, const int16_t *block, int16_t *to)
{
	MlVector turned[8], luma[8], chroma[2][8], rgb[3][8];
	MlRange range;
	int out;

	if (within(reach(&c->reach[0], block), u->room))
		return 0;
	decode(block, c->scale[0], turned);
	range = range_of(turned);
	if (within(range, u->room))
		return 0;
	if (!u->opened) {
		open_unit(c, u);
		if (within(range, u->room))
			return 0;
	}
	upright(turned, luma);
	for (int i = 0; i < 2; i++)
		spread_out(u, s, i, h, v, chroma[i]);
	out = colours_of(c, luma, chroma, rgb) || u->strange || beyond(range);
	if (!out && !c->leads)
		return 0;
	for (int i = 0; i < 3; i++)
		for (int y = 0; y < 8; y++)
			rgb[i][y] = stopped(rgb[i][y]);
	if (c->leads && !lead(c, rgb) && !out)
		return 0;
	if (!c->grey && s->components > 1)
		add_up(c, s, h, v, rgb, chroma, u);
	made_of(c->made[0], rgb, luma);
	encode(luma, c->unscale[0], to);
	return 1;
}

INLINE void
begin_unit(const MlClip *c, const MlShape *s, const MlSamples *const rows[3], int unit, Unit *u)
{
	for (int y = 0; y < 3; y++)
		u->rows[y] = rows[y] ? rows[y] : rows[1];
	u->at[0] = unit ? unit - 1 : unit;
	u->at[1] = unit;
	u->at[2] = unit + 1 < s->across ? unit + 1 : unit;
	u->clipped = 0;
	u->strange = 0;
	u->opened = s->components == 1;
	if (u->opened)
		u->room = room_of(c, (MlRange) { 0, 0 }, (MlRange) { 0, 0 });
	else
		look_around(c, u);
}

static void
clip(const MlClip *c, const MlShape *s, int16_t *const planes[ML_COMPONENTS], const MlSamples *const rows[3],
	int16_t *const made[ML_COMPONENTS], uint8_t *clipped)
{
	const size_t across = (size_t) s->across * s->h;

	for (int unit = 0; unit < s->across; unit++) {
		Unit u;

		begin_unit(c, s, rows, unit, &u);
		clipped[unit] = 0;
		for (int b = 0; b < s->h * s->v; b++) {
			size_t at = ((size_t) (b / s->h) * across + unit * s->h + b % s->h) * 64;

			clipped[unit] |= clip_block(c, s, &u, b % s->h, b / s->h, planes[0] + at, made[0] + at) << b;
		}
		if (u.clipped) {
			int16_t *to[2] = { made[1] + 64 * unit, made[2] + 64 * unit };

			clip_chroma(c, &u, to);
		}
	}
}
