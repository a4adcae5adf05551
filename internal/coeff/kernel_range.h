// The ranges that samples are in: by bounds from coefficients, or of what is decoded.
// Included by kernel_clip.h.
//
// Bounds: loops go over the 8 rows of a block, and over the units of a row, of which
// MlSamples has as many as the shape says. Sums of 63 coefficients have 31 bits, since
// none is beyond ML_LARGEST and no weight beyond 32767.
#include "kernel_transform.h"

INLINE MlVector
lesser(MlVector a, MlVector b)
{
#if defined(__AVX2__)
	return (MlVector) _mm256_min_ps((__m256) a, (__m256) b);
#else
	Wide less = a < b;

	return (MlVector) ((less & (Wide) a) | (~less & (Wide) b));
#endif
}

INLINE MlVector
larger(MlVector a, MlVector b)
{
#if defined(__AVX2__)
	return (MlVector) _mm256_max_ps((__m256) a, (__m256) b);
#else
	Wide more = a > b;

	return (MlVector) ((more & (Wide) a) | (~more & (Wide) b));
#endif
}

// least_of is the least lane.
INLINE float
least_of(MlVector x)
{
	x = lesser(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3));
	x = lesser(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5));
	return x[0] < x[1] ? x[0] : x[1];
}

// range_of is the least and the largest of samples.
INLINE MlRange
range_of(const MlVector p[8])
{
	MlVector low = p[0], high = p[0];

	for (int y = 1; y < 8; y++) {
		low = lesser(low, p[y]);
		high = larger(high, p[y]);
	}
	return (MlRange) { least_of(low), -least_of(-high) };
}

INLINE MlRange
both(MlRange a, MlRange b)
{
	return (MlRange) { a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high };
}

#define ML_ROUNDS 0.5f // what is not further out than that is rounded to what is in

// beyond says that some sample is further out than rounding explains.
INLINE int
beyond(MlRange r)
{
	return r.low < -128 - ML_ROUNDS || r.high > 127 + ML_ROUNDS;
}

INLINE int
within(MlRange r, MlRange room)
{
	return r.low >= room.low && r.high <= room.high;
}

// stopped keeps samples within their range.
INLINE MlVector
stopped(MlVector x)
{
	const MlVector zero = { 0 };

	return lesser(larger(x, zero - 128), zero + 127);
}

// weigh is the sum of a block's coefficients without their signs, times weights.
INLINE int32_t
weigh(const int16_t *block, const int16_t weights[64])
{
#if defined(__AVX2__)
	__m256i sum = _mm256_setzero_si256();
	__m128i half;

	for (int k = 0; k < 64; k += 16)
		sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_abs_epi16(_mm256_loadu_si256((const __m256i *) (block + k))),
						      _mm256_load_si256((const __m256i *) (weights + k))));
	half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
	return _mm_cvtsi128_si32(half) + _mm_extract_epi32(half, 1);
#else
	int32_t sum = 0;

	for (int k = 0; k < 64; k++)
		sum += (block[k] < 0 ? -block[k] : block[k]) * weights[k];
	return sum;
#endif
}

// reach is a range that no sample of a block leaves: each is at most so far from the
// mean as the other coefficients say together.
INLINE MlRange
reach(const MlReach *r, const int16_t *block)
{
	float mean = block[0] * r->first, apart = weigh(block, r->weights) * r->unit;

	return (MlRange) { mean - apart, mean + apart };
}

static void
samples(const MlClip *c, int blocks, const int16_t *const chroma[2], const MlSamples *to)
{
	for (int x = 0; x < blocks; x++) {
		to->decoded[x] = 0;
		for (int i = 0; i < 2; i++) {
			memcpy(to->blocks + (2 * x + i) * 64, chroma[i] + 64 * x, 64 * sizeof(int16_t));
			to->range[2 * x + i] = reach(&c->reach[1 + i], chroma[i] + 64 * x);
		}
	}
}

// decode_unit decodes a unit's chroma, and knows its range then.
INLINE void
decode_unit(const MlClip *c, const MlSamples *row, int x)
{
	if (row->decoded[x])
		return;
	row->decoded[x] = 1;
	for (int i = 2 * x; i < 2 * x + 2; i++) {
		MlVector p[8];

		decode(row->blocks + 64 * i, c->scale[1 + (i & 1)], p);
		row->range[i] = range_of(p);
		for (int y = 0; y < 8; y++)
			p[y] = stopped(p[y]);
		upright(p, row->at + 8 * i);
	}
}
