// Reading, mapping and writing blocks; compiled by avx2.c and portable.c.
//
// Bounds: a block's coefficients are written at ml_natural[k] with k compared with
// 63 before. What is read of the window is bounded as reader.c says: a block uses
// at most 64 codes of 27 bits. What is written of a block is at most
// ML_BLOCK_MOST bytes, for which writer.c has room. The planes have as many
// blocks as the shape says, since lane.c allots them by the same shape.
#include "kernel.h"

#include <stddef.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

typedef int16_t Row __attribute__((vector_size(16))); // of a block
typedef int32_t Wide __attribute__((vector_size(32)));

// Reading.

INLINE void
look(MlStream *s)
{
	uint64_t next;
	int bytes = (63 - s->count) >> 3;

	memcpy(&next, s->p, sizeof(next));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	next = __builtin_bswap64(next);
#endif
	s->bits |= next >> s->count;
	s->p += bytes;
	s->count += 8 * bytes;
}

INLINE void
drop(MlStream *s, int bits)
{
	s->bits <<= bits;
	s->count -= bits;
}

// symbol reads a code that is not in the fast table. It gives length << 8 | value, or
// -1: there is no such code.
static __attribute__((noinline)) int
symbol(uint64_t bits, const MlDecoder *d)
{
	int32_t next = bits >> 48;
	int l = 1;

	while (next >= d->beyond[l])
		l++;
	return l > 16 ? -1 : l << 8 | d->values[((next >> (16 - l)) + d->index[l]) & 255];
}

// number reads one of so many bits, at most 11.
INLINE int
number(MlStream *s, int size)
{
	int n;

	if (size == 0)
		return 0;
	n = s->bits >> (64 - size);
	drop(s, size);
	return n < 1 << (size - 1) ? n + 1 - (1 << size) : n;
}

INLINE int
read_dc(MlStream *s, const MlDecoder *d, int *dc)
{
	int32_t e = d->fast[s->bits >> (64 - ML_PEEK)];
	int code;

	if (e) {
		drop(s, e & 255);
		*dc += e >> 16;
	}
	else {
		code = symbol(s->bits, d);
		if (code < 0 || (code & 255) > 11)
			return ML_STRANGE;
		drop(s, code >> 8);
		*dc += number(s, code & 255);
	}
	return *dc < ML_LEAST_DC || *dc > ML_LARGEST ? ML_STRANGE : ML_DONE;
}

#define ML_END 64     // of a block, as the place behind its last coefficient
#define ML_NOWHERE 65 // there is no such code, or no such place

// read_ac reads the coefficient that comes next from place k on, and gives the place
// behind it.
INLINE int
read_ac(MlStream *s, const MlDecoder *d, int k, int16_t *block)
{
	int32_t e = d->fast[s->bits >> (64 - ML_PEEK)];
	int run = e >> 8 & 255, size;

	if (__builtin_expect(e != 0, 1)) {
		drop(s, e & 255);
		if (k + run > 63)
			return run == ML_BLOCK_ENDS ? ML_END : ML_NOWHERE;
		block[ml_natural[k + run]] = e >> 16;
		return k + run + 1;
	}
	e = symbol(s->bits, d);
	if (e < 0)
		return ML_NOWHERE;
	drop(s, e >> 8);
	run = e >> 4 & 15;
	size = e & 15;
	if (size == 0 && run == 0)
		return ML_END;
	if (k + run > 63 || size > 10 || (size == 0 && run != 15))
		return ML_NOWHERE;
	block[ml_natural[k + run]] = number(s, size);
	return k + run + 1;
}

// read_block looks ahead for two codes at once: they and their numbers have at
// most 53 bits, of 56 that are there then.
INLINE int
read_block(MlStream *s, const MlDecoder codes[2], int *dc, int16_t *block)
{
	int k;

	memset(block, 0, 64 * sizeof(*block));
	look(s);
	if (read_dc(s, &codes[0], dc))
		return ML_STRANGE;
	block[0] = *dc;
	k = read_ac(s, &codes[1], 1, block);
	while (k < ML_END) {
		look(s);
		k = read_ac(s, &codes[1], k, block);
		if (k < ML_END)
			k = read_ac(s, &codes[1], k, block);
	}
	return k == ML_END ? ML_DONE : ML_STRANGE;
}

// read_unit keeps where it is in registers.
INLINE int
read_unit(MlReader *r, const MlShape *shape, int16_t *planes[ML_COMPONENTS], int unit)
{
	MlStream s = r->at;
	size_t across = (size_t) shape->across * shape->h;

	for (int y = 0; y < shape->v; y++)
		for (int x = 0; x < shape->h; x++)
			if (read_block(&s, r->codes[0], &r->dc[0], planes[0] + (y * across + unit * shape->h + x) * 64))
				return ML_STRANGE;
	for (int c = 1; c < shape->components; c++)
		if (read_block(&s, r->codes[c], &r->dc[c], planes[c] + unit * 64))
			return ML_STRANGE;
	r->at = s;
	return ML_DONE;
}

static int
read(MlReader *r, const MlShape *s, int16_t *planes[ML_COMPONENTS])
{
	for (int unit = 0; unit < s->across; unit++)
		if (ml_ready(r) || read_unit(r, s, planes, unit) || !ml_within(r))
			return ML_STRANGE;
	return ML_DONE;
}

// Mapping.

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
// within what can be written. Both ways give the same.
INLINE void
put(int16_t *block, int y, MlVector x)
{
#if defined(__AVX2__)
	const __m128i most = _mm_set1_epi16(ML_LARGEST), least = _mm_set1_epi16(-ML_LARGEST);
	__m256i n = _mm256_cvtps_epi32((__m256) x);
	__m128i r = _mm_packs_epi32(_mm256_castsi256_si128(n), _mm256_extracti128_si256(n, 1));

	_mm_storeu_si128((__m128i *) (block + 8 * y), _mm_min_epi16(_mm_max_epi16(r, least), most));
#else
	const float shift = 12582912; // 1.5 * 2^23: a sum with it has whole numbers in its lowest bits
	const MlVector most = (MlVector) { 0 } + ML_LARGEST, zero = (MlVector) { 0 } + shift;
	Wide over = x > most, under = x < -most, n;
	Row r;

	x = (MlVector) ((over & (Wide) most) | (under & (Wide) -most) | (~(over | under) & (Wide) x));
	n = (Wide) (x + shift) - (Wide) zero;
	r = __builtin_convertvector(n, Row);
	memcpy(block + 8 * y, &r, sizeof(r));
#endif
}

// is_empty says that a row has nothing in it, as those of the finest detail.
INLINE int
is_empty(const int16_t *block, int y)
{
	uint64_t parts[2];

	memcpy(parts, block + 8 * y, sizeof(parts));
	return (parts[0] | parts[1]) == 0;
}

static void
chroma(const MlColours *c, int blocks, int16_t *cb, int16_t *cr, MlVector *shared)
{
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
	int count = 8; // of rows, without empty ones at the end

	while (count > 2 && !is_set((Wide) rows[count - 1]) && !is_set((Wide) rows[count - 2]))
		count -= 2;
	for (int i = 0; i < 8; i++) {
		MlVector even = rows[0] * spread.half[0][i], odd = rows[1] * spread.half[1][i], other;

		for (int u = 2; u < count; u += 2) {
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

// finish makes a row of luma's coefficients, with what chroma adds.
INLINE void
finish(const MlColours *c, int16_t *block, int y, MlVector shared)
{
	MlVector x = row(block, y) * c->own[y] + shared * c->unscale[y];

	put(block, y, y == 0 ? x + c->add : x);
}

// widen spreads n rows of each unit, whose first is at rows + x * step. The ends
// of a unit are those of its neighbours, or at the image's edge its own.
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
luma_of(const MlColours *c, int units, int h, int v, int16_t *y, const MlVector *shared[3], MlVector *lines)
{
	const size_t below = (size_t) units * h * 64;
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
		int16_t *block = y + (size_t) x * h * 64;
		MlVector wide[2][10], out[2][8], pair[2];

		if (h == 2 && x + 1 < units)
			ends_at(&ends[2], rows + 8, v == 2 ? lines + 2 * (x + 1) : NULL);
		for (int i = 0; h == 2 && i < (v == 2 ? 10 : 8); i++) {
			across(i < 8 ? rows + i : lines + 2 * x + i - 8, x ? ends[0].last[i] : ends[1].first[i],
				x + 1 < units ? ends[2].first[i] : ends[1].last[i], pair);
			wide[0][i] = pair[0];
			wide[1][i] = pair[1];
		}
		for (int i = 0; i < h; i++, block += 64) {
			const MlVector *from = h == 2 ? wide[i] : rows, *edges = h == 2 ? wide[i] + 8 : lines + 2 * x;

			if (v == 2)
				down(from, edges[0], edges[1], out);
			for (int j = 0; j < v; j++)
				for (int k = 0; k < 8; k++)
					finish(c, block + j * below, k, v == 2 ? out[j][k] : from[k]);
		}
		ends[0] = ends[1];
		ends[1] = ends[2];
	}
}

static void
luma(const MlColours *c, const MlShape *s, int16_t *y, const MlVector *shared[3], MlVector *lines)
{
	if (s->h == 1 && s->v == 1)
		luma_of(c, s->across, 1, 1, y, shared, lines);
	else if (s->v == 1)
		luma_of(c, s->across, 2, 1, y, shared, lines);
	else if (s->h == 1)
		luma_of(c, s->across, 1, 2, y, shared, lines);
	else
		luma_of(c, s->across, 2, 2, y, shared, lines);
}

#include "kernel_clip.h"

// Writing.

INLINE void
append(MlBits *w, uint32_t code, int bits)
{
	int room = w->room - bits;
	uint64_t out;

	if (__builtin_expect(room >= 0, 1)) {
		w->bits = w->bits << bits | code;
		w->room = room;
		return;
	}
	out = w->bits << w->room | code >> -room; // room was below bits, so below 64
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	out = __builtin_bswap64(out);
#endif
	memcpy(w->p, &out, sizeof(out));
	w->p += sizeof(out);
	w->bits = code; // what is above the last bits of it is never looked at
	w->room = 64 + room;
}

// append_number appends a value's code and the number behind it (T.81, F.1.2.1).
INLINE void
append_number(MlBits *w, uint32_t entry, int number, int size)
{
	uint32_t low = (number + (number >> 31)) & ((1 << size) - 1);

	append(w, (entry >> 8) << size | low, entry & 255);
}

INLINE int
size_of(int number)
{
	return 32 - __builtin_clz((number < 0 ? -number : number) << 1 | 1) - 1;
}

// used has a bit for each coefficient that is not 0, in zigzag order.
INLINE uint64_t
used(const int16_t *block, const MlPlaces *places)
{
	uint64_t natural = 0, zigzag = 0;

#if defined(__SSE2__)
	const __m128i zero = _mm_setzero_si128();

	for (int i = 0; i < 4; i++) {
		__m128i a = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *) block + 2 * i), zero);
		__m128i b = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *) block + 2 * i + 1), zero);

		natural |= (uint64_t) (uint16_t) ~_mm_movemask_epi8(_mm_packs_epi16(a, b)) << 16 * i;
	}
#else
	for (int i = 0; i < 64; i++)
		natural |= (uint64_t) (block[i] != 0) << i;
#endif
	for (int y = 0; y < 8; y++)
		zigzag |= places->of[y][natural >> 8 * y & 255];
	return zigzag;
}

static void
write(MlBits *to, const int16_t *block, int *dc, const MlEncoder codes[2], const MlPlaces *places)
{
	MlBits bits = *to, *w = &bits;
	const uint32_t *entry = codes[1].entry;
	int difference = block[0] - *dc, size = size_of(difference), last = 0;
	uint64_t rest = used(block, places) & ~1ull;

	*dc = block[0];
	append_number(w, codes[0].entry[size], difference, size);
	while (rest) {
		int k = __builtin_ctzll(rest), run = k - last - 1, number = block[ml_natural[k]];

		rest &= rest - 1;
		for (last = k; __builtin_expect(run > 15, 0); run -= 16)
			append(w, entry[0xf0] >> 8, entry[0xf0] & 255);
		if (__builtin_expect((unsigned) (number + ML_SMALL) < 2 * ML_SMALL, 1)) {
			uint32_t small = codes[1].small[run][number + ML_SMALL];

			append(w, small >> 8, small & 255);
			continue;
		}
		size = size_of(number);
		append_number(w, entry[run << 4 | size], number, size);
	}
	if (last != 63)
		append(w, entry[0] >> 8, entry[0] & 255);
	*to = bits;
}
