// Reading blocks. Included by kernel_body.h.
//
// Bounds: a block's coefficients are written at ml_natural[k] with k compared with
// 63 before. What is read of the window is bounded as reader.c says: a block uses
// at most 64 codes of 27 bits, whether its coefficients are read or passed over.

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

// long_code reads one of more than ML_PEEK bits. It gives value << 8 | bits, or -1:
// there is no such code.
static __attribute__((noinline)) int
long_code(uint64_t bits, const MlDecoder *d)
{
	int32_t next = bits >> 48;
	int l = ML_PEEK + 1;

	while (next >= d->beyond[l])
		l++;
	return l > 16 ? -1 : d->values[((next >> (16 - l)) + d->index[l]) & 255] << 8 | l;
}

// code reads one whose entry is not all: e is changed to value << 8 | bits, or -1.
INLINE int
code(uint64_t bits, const MlDecoder *d, int e)
{
	return e == ML_ALONE ? long_code(bits, d) : e ^ ML_ALONE;
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

	if (__builtin_expect(!(e & ML_ALONE), 1)) {
		drop(s, e & 255);
		*dc += e >> 16;
	}
	else {
		e = code(s->bits, d, e);
		if (e < 0 || e >> 8 > 11)
			return ML_STRANGE;
		drop(s, e & 255);
		*dc += number(s, e >> 8);
	}
	return *dc < ML_LEAST_DC || *dc > ML_LARGEST ? ML_STRANGE : ML_DONE;
}

#define ML_END 64     // of a block, as the place behind its last coefficient
#define ML_REST 65    // what is left of it is 0
#define ML_NOWHERE 66 // there is no such code, or no such place

// next_ac reads the coefficient that comes next from place k on, and gives the place
// behind it.
INLINE int
next_ac(MlStream *s, const MlDecoder *d, int k, int *coefficient)
{
	int32_t e = d->fast[s->bits >> (64 - ML_PEEK)];
	int run = e >> 8 & 255, size;

	if (__builtin_expect(!(e & ML_ALONE), 1)) {
		drop(s, e & 255);
		if (k + run > 63)
			return run == ML_BLOCK_ENDS ? ML_REST : ML_NOWHERE;
		*coefficient = e >> 16;
		return k + run + 1;
	}
	e = code(s->bits, d, e);
	if (e < 0)
		return ML_NOWHERE;
	drop(s, e & 255);
	run = e >> 12;
	size = e >> 8 & 15;
	if (size == 0 && run == 0)
		return ML_REST;
	if (k + run > 63 || size > 10 || (size == 0 && run != 15))
		return ML_NOWHERE;
	*coefficient = number(s, size);
	return k + run + 1;
}

INLINE int
read_ac(MlStream *s, const MlDecoder *d, int k, int16_t *block)
{
	int coefficient;

	k = next_ac(s, d, k, &coefficient);
	if (k <= ML_END)
		block[ml_natural[k - 1]] = coefficient;
	return k;
}

// read_rest reads two coefficients at once where they fit, else one. Two times ML_PEEK bits,
// or those and one code, are less than are there; behind a first coefficient one code is.
INLINE int
read_rest(MlStream *s, const MlDecoder *d, const MlPairs *pairs, int16_t *block)
{
	int k = 1;

	for (int i = 1;; i = 0) {
		for (; i < 2; i++) {
			uint64_t e = pairs->at[s->bits >> (64 - ML_PEEK)];
			int next = k + (uint8_t) (e >> 24);

			if (next > 63 && (unsigned) (next - ML_PAIR_END) > 63) {
				k = read_ac(s, d, k, block);
				if (k > 63)
					return k == ML_NOWHERE ? ML_STRANGE : ML_DONE;
				break;
			}
			drop(s, e & 255);
			block[ml_natural[k + (uint8_t) (e >> 8)]] = e >> 32;
			block[ml_natural[k + (uint8_t) (e >> 16)]] = e >> 48;
			if (next > 63)
				return ML_DONE;
			k = next;
		}
		look(s);
	}
}

INLINE int
read_block(MlStream *s, const MlDecoder codes[2], const MlPairs *pairs, int *dc, int16_t *block)
{
	memset(block, 0, 64 * sizeof(*block));
	look(s);
	if (read_dc(s, &codes[0], dc))
		return ML_STRANGE;
	block[0] = *dc;
	return read_rest(s, &codes[1], pairs, block);
}

// pass_block takes what ML_PASS bits hold at once, and single codes where that does
// not fit: those that are long, and the last ones of a block that is full. Two times 22
// bits, or 22 and one code, are less than are there.
INLINE int
pass_block(MlStream *s, const MlDecoder codes[2], const MlPasser *passer)
{
	int k = 1, coefficient;

	do {
		look(s);
		for (int i = 0; i < 2; i++) {
			int e = passer->at[s->bits >> (64 - ML_PASS)], next = k + (e >> 5);

			if (next > 63 && (unsigned) (next - ML_PASS_END) > 63) {
				k = next_ac(s, &codes[1], k, &coefficient);
				break;
			}
			drop(s, e & 31);
			if (next > 63)
				return ML_DONE;
			k = next;
		}
	} while (k < ML_END);
	return k == ML_NOWHERE ? ML_STRANGE : ML_DONE;
}

// read_carried reads the block besides, if there is one.
INLINE int
read_carried(MlReader *r, MlStream *s, int c, MlCarried *to, int16_t *block)
{
	look(s);
	if (read_dc(s, &r->codes[c][0], &r->dc[c]))
		return ML_STRANGE;
	to->first = r->dc[c];
	to->place = ml_place(r, s);
	if (block) {
		memset(block, 0, 64 * sizeof(*block));
		block[0] = to->first;
	}
	if (block ? read_rest(s, &r->codes[c][1], &r->pairs[c], block) : pass_block(s, r->codes[c], &r->passers[c]))
		return ML_STRANGE;
	to->bits = ml_place(r, s) - to->place;
	return ML_DONE;
}

// read_unit keeps where it is in registers.
INLINE int
read_unit(MlReader *r, const MlShape *shape, int16_t *planes[ML_COMPONENTS], MlCarried *carried[ML_COMPONENTS], int unit)
{
	MlStream s = r->at;
	size_t across = (size_t) shape->across * shape->h;

	for (int y = 0; y < shape->v; y++)
		for (int x = 0; x < shape->h; x++) {
			size_t at = y * across + unit * shape->h + x;

			if (carried[0] ? read_carried(r, &s, 0, carried[0] + at, r->both ? planes[0] + at * 64 : NULL) : read_block(&s, r->codes[0], &r->pairs[0], &r->dc[0], planes[0] + at * 64))
				return ML_STRANGE;
		}
	for (int c = 1; c < shape->components; c++)
		if (carried[c] ? read_carried(r, &s, c, carried[c] + unit, NULL) : read_block(&s, r->codes[c], &r->pairs[c], &r->dc[c], planes[c] + unit * 64))
			return ML_STRANGE;
	r->at = s;
	return ML_DONE;
}

static int
read(MlReader *r, const MlShape *s, int16_t *planes[ML_COMPONENTS], MlCarried *carried[ML_COMPONENTS])
{
	for (int unit = 0; unit < s->across; unit++)
		if (ml_ready(r) || read_unit(r, s, planes, carried, unit) || !ml_within(r))
			return ML_STRANGE;
	return ML_DONE;
}
