// Mapping rows of coefficients. Included by kernel_body.h.
//
// Bounds: all loops go over the blocks of a row, or the 8 rows of a block.

// is_set says that some lane has a bit.
INLINE int
is_set(Wide x)
{
	uint64_t parts[4];

	memcpy(parts, &x, sizeof(parts));
	return (parts[0] | parts[1] | parts[2] | parts[3]) != 0;
}

INLINE MlVector
row(const int16_t *block, int y)
{
	Row r;

	memcpy(&r, block + 8 * y, sizeof(r));
	return __builtin_convertvector(__builtin_convertvector(r, Wide), MlVector);
}

// put rounds a row to the nearest whole numbers, halves to even, and keeps them
// within some number. Both ways give the same.
INLINE void
put_within(int largest, int16_t *block, int y, MlVector x)
{
#if defined(__AVX2__)
	const __m128i most = _mm_set1_epi16(largest), least = _mm_set1_epi16(-largest);
	__m256i n = _mm256_cvtps_epi32((__m256) x);
	__m128i r = _mm_packs_epi32(_mm256_castsi256_si128(n), _mm256_extracti128_si256(n, 1));

	_mm_storeu_si128((__m128i *) (block + 8 * y), _mm_min_epi16(_mm_max_epi16(r, least), most));
#else
	const float shift = 12582912; // 1.5 * 2^23: a sum with it has whole numbers in its lowest bits
	const MlVector most = (MlVector) { 0 } + (float) largest, zero = (MlVector) { 0 } + shift;
	Wide over = x > most, under = x < -most, n;
	Row r;

	x = (MlVector) ((over & (Wide) most) | (under & (Wide) -most) | (~(over | under) & (Wide) x));
	n = (Wide) (x + shift) - (Wide) zero;
	r = __builtin_convertvector(n, Row);
	memcpy(block + 8 * y, &r, sizeof(r));
#endif
}

// put keeps them within what can be written.
INLINE void
put(int16_t *block, int y, MlVector x)
{
	put_within(ML_LARGEST, block, y, x);
}

// is_empty says that a row has nothing in it, as those of the finest detail.
INLINE int
is_empty(const int16_t *block, int y)
{
	uint64_t parts[2];

	memcpy(parts, block + 8 * y, sizeof(parts));
	return (parts[0] | parts[1]) == 0;
}

// alone maps blocks that get nothing of another component. To look for empty rows would
// take longer.
INLINE void
alone(const MlVector own[8], MlVector add, size_t blocks, int16_t *block)
{
	for (int16_t *end = block + 64 * blocks; block < end; block += 64) {
		put(block, 0, row(block, 0) * own[0] + add);
		for (int y = 1; y < 8; y++)
			put(block, y, row(block, y) * own[y]);
	}
}

static void
chroma(const MlColours *c, int blocks, int16_t *cb, int16_t *cr, MlVector *shared)
{
	if (!c->mixes && !c->grey) {
		alone(c->cross[0][0], (MlVector) { 0 }, blocks, cb);
		alone(c->cross[1][1], (MlVector) { 0 }, blocks, cr);
		return;
	}
	for (int i = 0; i < blocks; i++, cb += 64, cr += 64, shared += 8)
		for (int y = 0; y < 8; y++) {
			MlVector b, r;

			if (is_empty(cb, y) && is_empty(cr, y)) {
				shared[y] = (MlVector) { 0 };
				continue;
			}
			b = row(cb, y);
			r = row(cr, y);
			shared[y] = b * c->shared[0][y] + r * c->shared[1][y];
			if (c->grey)
				continue;
			put(cb, y, b * c->cross[0][0][y] + r * c->cross[0][1][y]);
			put(cr, y, b * c->cross[1][0][y] + r * c->cross[1][1][y]);
			if (c->returns)
				shared[y] += row(cb, y) * c->back[0][y] + row(cr, y) * c->back[1][y];
		}
}

// Chroma that is sampled half as densely is spread to luma's density as
// libjpeg's triangle filter does: each sample becomes two, 3/4 of itself and 1/4 of
// its neighbour on that side. In coefficients that is a matrix for each of the
// two blocks that come of one, and a term for the sample beyond the end.
typedef struct {
	MlVector half[8]; // half[u][i]: what coefficient u adds to i of the first block
	MlVector ends;	  // of the cosine transform, at the first sample
	MlVector beyond;  // ends / 4
	MlVector turn;	  // 1, -1, 1, …: what mirrors a block
} Spread;

static const Spread spread = {
#include "spread.h"
};

// ends_of gives the samples at both ends of a row.
INLINE void
ends_of(MlVector row, float *first, float *last)
{
	MlVector p = row * spread.ends;

	p += __builtin_shufflevector(p, p, 4, 5, 6, 7, 0, 1, 2, 3);
	p += __builtin_shufflevector(p, p, 2, 3, 0, 1, 6, 7, 4, 5);
	*first = p[0] + p[1];
	*last = p[0] - p[1];
}

// across spreads a row of coefficients.
INLINE void
across(const MlVector *row, float before, float after, MlVector out[2])
{
	const float *x = (const float *) row;
	MlVector even = x[0] * spread.half[0], odd = x[1] * spread.half[1];

	for (int u = 2; u < 8; u += 2) {
		even += x[u] * spread.half[u];
		odd += x[u + 1] * spread.half[u + 1];
	}
	out[0] = even + odd + before * spread.beyond;
	out[1] = (even - odd + after * spread.beyond) * spread.turn;
}

// down spreads the columns of a block.
INLINE void
down(const MlVector rows[8], MlVector above, MlVector below, MlVector out[2][8])
{
	for (int i = 0; i < 8; i++) {
		MlVector even = rows[0] * spread.half[0][i], odd = rows[1] * spread.half[1][i], other;

		for (int u = 2; u < 8; u += 2) {
			even += rows[u] * spread.half[u][i];
			odd += rows[u + 1] * spread.half[u + 1][i];
		}
		out[0][i] = even + odd + above * spread.beyond[i];
		other = even - odd + below * spread.beyond[i];
		out[1][i] = i & 1 ? -other : other;
	}
}

// line is the first or the last row of a block's samples, in the coefficients of
// its rows.
INLINE MlVector
line(const MlVector *rows, int last)
{
	MlVector even = rows[0] * spread.ends[0], odd = rows[1] * spread.ends[1];

	for (int v = 2; v < 8; v += 2) {
		even += rows[v] * spread.ends[v];
		odd += rows[v + 1] * spread.ends[v + 1];
	}
	return last ? even - odd : even + odd;
}

// finish makes luma's coefficients of a block, with what chroma adds.
INLINE void
finish(const MlColours *c, int16_t *block, const MlVector shared[8])
{
	for (int y = 0; y < 8; y++) {
		MlVector x = row(block, y) * c->own[y] + shared[y] * c->unscale[y];

		put(block, y, y == 0 ? x + c->add : x);
	}
}

// finish_carried makes what is added to luma's coefficients, but the first one whole.
INLINE void
finish_carried(const MlColours *c, int16_t *block, const MlCarried *carried, const MlVector shared[8])
{
	int16_t first[8];

	for (int y = 0; y < 8; y++)
		put_within(2 * ML_LARGEST, block, y, shared[y] * c->unscale[y]); // as the sum with any is kept within it
	put(first, 0, (MlVector) { carried->first } + shared[0] * c->unscale[0] + c->add);
	block[0] = first[0];
}

// Ends are the samples at both ends of a unit's rows, and of the lines above and below
// it. What lies beyond a unit is an end of its neighbour, or at the image's edge its own.
typedef struct {
	float first[10], last[10];
} Ends;

INLINE void
ends_at(Ends *e, const MlVector *rows, const MlVector *lines)
{
	for (int y = 0; y < 8; y++)
		ends_of(rows[y], &e->first[y], &e->last[y]);
	for (int y = 0; lines && y < 2; y++)
		ends_of(lines[y], &e->first[8 + y], &e->last[8 + y]);
}

INLINE void
luma_of(const MlColours *c, int units, int h, int v, int16_t *y, const MlCarried *carried, const MlVector *shared[3], MlVector *lines)
{
	const size_t below = (size_t) units * h;
	Ends ends[3] = { 0 }; // of the unit before, this one, the next

	for (int x = 0; v == 2 && x < units; x++) {
		const MlVector *rows = shared[1] + 8 * x;

		lines[2 * x] = shared[0] ? line(shared[0] + 8 * x, 1) : line(rows, 0);
		lines[2 * x + 1] = shared[2] ? line(shared[2] + 8 * x, 0) : line(rows, 1);
	}
	if (h == 2)
		ends_at(&ends[1], shared[1], v == 2 ? lines : NULL);
	for (int x = 0; x < units; x++) {
		const MlVector *rows = shared[1] + 8 * x;
		MlVector wide[2][10], out[2][8], pair[2];

		if (h == 2 && x + 1 < units)
			ends_at(&ends[2], rows + 8, v == 2 ? lines + 2 * (x + 1) : NULL);
		for (int i = 0; h == 2 && i < (v == 2 ? 10 : 8); i++) {
			across(i < 8 ? rows + i : lines + 2 * x + i - 8, x ? ends[0].last[i] : ends[1].first[i],
				x + 1 < units ? ends[2].first[i] : ends[1].last[i], pair);
			wide[0][i] = pair[0];
			wide[1][i] = pair[1];
		}
		for (int i = 0; i < h; i++) {
			const MlVector *from = h == 2 ? wide[i] : rows, *edges = h == 2 ? wide[i] + 8 : lines + 2 * x;

			if (v == 2)
				down(from, edges[0], edges[1], out);
			for (int j = 0; j < v; j++) {
				size_t at = j * below + (size_t) x * h + i;

				if (carried)
					finish_carried(c, y + 64 * at, carried + at, v == 2 ? out[j] : from);
				else
					finish(c, y + 64 * at, v == 2 ? out[j] : from);
			}
		}
		ends[0] = ends[1];
		ends[1] = ends[2];
	}
}

static void
luma(const MlColours *c, const MlShape *s, int16_t *y, const MlCarried *carried, const MlVector *shared[3], MlVector *lines)
{
	if (!c->shares && !carried)
		alone(c->own, c->add, (size_t) s->across * s->h * s->v, y);
	else if (s->h == 1 && s->v == 1)
		luma_of(c, s->across, 1, 1, y, carried, shared, lines);
	else if (s->v == 1)
		luma_of(c, s->across, 2, 1, y, carried, shared, lines);
	else if (s->h == 1)
		luma_of(c, s->across, 1, 2, y, carried, shared, lines);
	else
		luma_of(c, s->across, 2, 2, y, carried, shared, lines);
}
