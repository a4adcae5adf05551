// Writing units, and the blocks in them whose codes are carried over: of these the codes
// up to the last coefficient that changes are read once more and written anew, and those
// behind it are copied. Included by kernel_body.h.
//
// Bounds: what is read once more is in the window still, for reader.c keeps two rows
// and lane.c writes a row before it reads the next but one. It ends where it ended
// before. What is written of a block are at most 63 codes behind the first, whether
// they are new ones or the source's.

// copy appends so many bits.
INLINE void
copy(MlBits *w, const MlBytes *b, uint64_t place, long bits)
{
	for (int n; bits > 0; bits -= n, place += n) {
		MlStream s = ml_at(b, place);

		n = bits < 56 ? bits : 56;
		look(&s);
		append(w, s.bits << (place & 7) >> (64 - n), n);
	}
}

// append_changed appends a carried block of which coefficients change, those whose bits
// are set, and gives how many of its bits it has done: up to the first coefficient
// behind the last one that changes, whose run may change too.
INLINE uint32_t
append_changed(MlBits *w, const MlReader *r, int component, const MlCarried *at, int16_t *change, uint64_t set, const MlEncoder *codes)
{
	const MlDecoder *d = &r->codes[component][1];
	int place = 63 - __builtin_clzll(set), k = 1, number = 0, last;
	MlStream s = ml_at(&r->bytes, at->place);

	look(&s);
	drop(&s, at->place & 7);
	while (k < ML_END && (k <= place + 1 || number == 0)) {
		int16_t *sum;

		look(&s);
		k = next_ac(&s, d, k, &number);
		if (k > ML_END)
			break;
		sum = &change[ml_natural[k - 1]];
		*sum += number;
		set = (set & ~(1ull << (k - 1))) | (uint64_t) (*sum != 0) << (k - 1);
	}
	last = append_rest(w, change, set, codes);
	if (k < ML_END)
		return ml_place(r, &s) - at->place;
	append_end(w, last, codes);
	return at->bits;
}

INLINE void
append_carried(MlBits *w, MlCoder *coder, const MlBytes *b, const MlReader *r, int component, const MlCarried *block, int16_t *change)
{
	const MlEncoder *codes = coder->codes[component > 0];
	uint64_t changed = change ? used(change, &coder->places) & ~1ull : 0;
	uint32_t done = 0;

	append_first(w, change ? change[0] : block->first, &coder->dc[component], &codes[0]);
	if (changed)
		done = append_changed(w, r, component, block, change, changed, &codes[1]);
	copy(w, b, block->place + done, (long) block->bits - done);
}

INLINE void
append_at(MlBits *w, MlCoder *coder, const MlBytes *b, const MlReader *r, int component, const MlPlane *p, size_t at)
{
	if (p->carried && p->carried[at].bits != ML_UNCARRIED)
		append_carried(w, coder, b, r, component, p->carried + at, p->blocks ? p->blocks + 64 * at : NULL);
	else
		append_block(w, coder, component, p->blocks + 64 * at);
}

static void
write_units(MlBits *to, MlCoder *coder, const MlBytes *b, const MlReader *r, const MlShape *shape, const MlPlane planes[ML_COMPONENTS], int row,
	int from, int end)
{
	MlBits w = *to;

	for (int unit = from; unit < end; unit++) {
		for (int y = 0; y < shape->v; y++)
			for (int x = 0; x < shape->h; x++)
				append_at(&w, coder, b, r, 0, &planes[0], (row * shape->v + y) * planes[0].line + unit * shape->h + x);
		for (int c = 1; c < shape->components; c++)
			append_at(&w, coder, b, r, c, &planes[c], row * planes[c].line + unit);
	}
	*to = w;
}
