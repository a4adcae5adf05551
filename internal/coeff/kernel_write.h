// Turning and writing blocks. Included by kernel_body.h.
//
// Bounds: what is written of a block is at most ML_BLOCK_MOST bytes, for which writer.c
// has room. Where a run is looked up it is below 16, and where a number's size is, the
// number is within ML_LARGEST.

// dealt deals every row out with the one that is half a block further on. Done thrice,
// that transposes a block.
INLINE void
dealt(const Row from[8], Row to[8])
{
#pragma GCC unroll 4
	for (int y = 0; y < 4; y++) {
		to[2 * y] = __builtin_shufflevector(from[y], from[y + 4], 0, 8, 1, 9, 2, 10, 3, 11);
		to[2 * y + 1] = __builtin_shufflevector(from[y], from[y + 4], 4, 12, 5, 13, 6, 14, 7, 15);
	}
}

static void
lay(const MlOrder *o, const int16_t *from, int16_t *to)
{
	const Row none = { 0 }, odd = { 0, -1, 0, -1, 0, -1, 0, -1 };
	Row rows[8], dealt_once[8];

	memcpy(rows, from, sizeof(rows));
	if (o->transpose) {
		dealt(rows, dealt_once);
		dealt(dealt_once, rows);
		dealt(rows, dealt_once);
		memcpy(rows, dealt_once, sizeof(rows));
	}
#pragma GCC unroll 8
	for (int y = 0; y < 8; y++) {
		Row negated = (o->flop ? odd : none) ^ (o->flip && y & 1 ? ~none : none);

		rows[y] = (rows[y] ^ negated) - negated;
	}
	memcpy(to, rows, sizeof(rows));
}

// append appends at most 56 bits. Whole bytes are written at once, for a branch on
// whether they are due would often be guessed wrong.
INLINE void
append(MlBits *w, uint64_t code, int bits)
{
	int count = w->count + bits;
	uint64_t all = w->bits | code << (64 - count), out = all;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	out = __builtin_bswap64(out);
#endif
	memcpy(w->p, &out, sizeof(out));
	w->p += count >> 3;
	w->bits = all << (count & 56);
	w->count = count & 7;
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
#pragma GCC unroll 8
	for (int y = 0; y < 8; y++)
		zigzag |= places->of[y][natural >> 8 * y & 255];
	return zigzag;
}

INLINE void
append_first(MlBits *w, int first, int *dc, const MlEncoder *codes)
{
	int difference = first - *dc, size = size_of(difference);

	*dc = first;
	append_number(w, codes->entry[size], difference, size);
}

// append_rest appends the coefficients behind the first whose bits are set, no larger
// than they may be, and gives the last one's place.
INLINE int
append_rest(MlBits *w, const int16_t *block, uint64_t rest, const MlEncoder *codes)
{
	const uint32_t *entry = codes->entry;
	int last = 0;

	while (rest) {
		int k = __builtin_ctzll(rest), run = k - last - 1, number = block[ml_natural[k]], size;

		rest &= rest - 1;
		for (last = k; __builtin_expect(run > 15, 0); run -= 16)
			append(w, entry[0xf0] >> 8, entry[0xf0] & 255);
		if (__builtin_expect((unsigned) (number + ML_SMALL) < 2 * ML_SMALL, 1)) {
			uint32_t small = codes->small[run][number + ML_SMALL];

			append(w, small >> 8, small & 255);
			continue;
		}
		number = number > ML_LARGEST ? ML_LARGEST : number < -ML_LARGEST ? -ML_LARGEST : number;
		size = size_of(number);
		append_number(w, entry[run << 4 | size], number, size);
	}
	return last;
}

INLINE void
append_end(MlBits *w, int last, const MlEncoder *codes)
{
	if (last != 63)
		append(w, codes->entry[0] >> 8, codes->entry[0] & 255);
}

INLINE void
append_block(MlBits *w, MlCoder *coder, int component, const int16_t *block)
{
	const MlEncoder *codes = coder->codes[component > 0];

	append_first(w, block[0], &coder->dc[component], &codes[0]);
	append_end(w, append_rest(w, block, used(block, &coder->places) & ~1ull, &codes[1]), &codes[1]);
}

static void
write(MlBits *to, MlCoder *coder, int component, const int16_t *block)
{
	MlBits w = *to;

	append_block(&w, coder, component, block);
	*to = w;
}

static void
keep(MlBits *to, const uint8_t *from, const MlCoder *coder, int component, const MlOrder *o, const int16_t *blocks, int count, MlCarried *kept,
	long step)
{
	const MlEncoder *codes = &coder->codes[component > 0][1];
	_Alignas(32) int16_t block[64];
	MlBits w = *to;

	for (int i = 0; i < count; i++, blocks += 64, kept += step) {
		uint64_t place = 8 * (uint64_t) (w.p - from) + w.count;

		lay(o, blocks, block);
		append_end(&w, append_rest(&w, block, used(block, &coder->places) & ~1ull, codes), codes);
		*kept = (MlCarried) { place, 8 * (uint64_t) (w.p - from) + w.count - place, block[0] };
	}
	*to = w;
}
