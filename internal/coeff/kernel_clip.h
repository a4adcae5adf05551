// Where colours leave their range. Pixels are stopped at 0 and 255 when they are
// decoded, and again by what is done with them; coefficients know no stop. So the
// blocks in which that happens are altered as pixels: decoded, altered, stopped,
// and transformed back. Included by kernel_body.h.
//
// Most blocks stay within, and there are three ways to find that out: from the
// sum of their coefficients, from their samples, and pixel by pixel.
//
// Bounds: a unit has a tile of its chroma and one sample around it, of SIDE lines;
// spread_out loads 8 of a line from 0, 1 or 4 on, and 4 + 6 lines at most.

#define SIDE 10
#define LINE 12 // a line of a tile, of which 4 + 8 are loaded

typedef struct {
	float at[SIDE][LINE];
} Tile;

// decode makes samples of coefficients, encode the other way round.
// decode passes over rows that have nothing in them, as those of the finest detail.
INLINE void
decode(const MlVector c[8], MlVector p[8])
{
	for (int y = 0; y < 8; y++)
		p[y] = (MlVector) { 0 };
	for (int v = 0; v < 8; v++) {
		MlVector row;

		if (!is_set((Wide) c[v]))
			continue;
		row = c[v][0] * transform.rows[0];
		for (int u = 1; u < 8; u++)
			row += c[v][u] * transform.rows[u];
		for (int y = 0; y < 8; y++)
			p[y] += transform.rows[v][y] * row;
	}
}

INLINE void
encode(const MlVector p[8], MlVector c[8])
{
	MlVector rows[8];

	for (int y = 0; y < 8; y++) {
		rows[y] = p[y][0] * transform.columns[0];
		for (int x = 1; x < 8; x++)
			rows[y] += p[y][x] * transform.columns[x];
	}
	for (int v = 0; v < 8; v++) {
		c[v] = transform.columns[0][v] * rows[0];
		for (int y = 1; y < 8; y++)
			c[v] += transform.columns[y][v] * rows[y];
	}
}

INLINE void
steps_of(const int16_t *block, const MlVector steps[8], MlVector out[8])
{
	for (int y = 0; y < 8; y++)
		out[y] = row(block, y) * steps[y];
}

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
	MlVector low = p[0], high = -p[0];

	for (int y = 1; y < 8; y++) {
		low = lesser(low, p[y]);
		high = lesser(high, -p[y]);
	}
	return (MlRange) { least_of(low), -least_of(high) };
}

#define ML_ROUNDS 0.5f // what is not further out than that is rounded to what is in

// stopped keeps samples within their range; *out has the bits of those that were not.
INLINE MlVector
stopped(MlVector x, Wide *out)
{
	const MlVector zero = { 0 }, least = zero - 128, most = zero + 127;
	Wide over = x > most, under = x < least;

	*out |= (x > most + ML_ROUNDS) | (x < least - ML_ROUNDS);
	return (MlVector) ((over & (Wide) most) | (under & (Wide) least) | (~(over | under) & (Wide) x));
}

// beyond says that some sample is further out than rounding explains.
INLINE int
beyond(MlRange r)
{
	return r.low < -128 - ML_ROUNDS || r.high > 127 + ML_ROUNDS;
}

static void
samples(const MlClip *c, int blocks, const int16_t *const chroma[2], const MlSamples *to)
{
	for (int i = 0; i < 2; i++)
		for (int x = 0; x < blocks; x++) {
			MlVector steps[8], *at = to->at[i] + 8 * x;
			Wide out = { 0 };

			steps_of(chroma[i] + 64 * x, c->steps[1 + i], steps);
			decode(steps, at);
			to->range[i][x] = range_of(at);
			for (int y = 0; y < 8; y++)
				at[y] = stopped(at[y], &out);
		}
}

// nearby is the range of a unit's samples of chroma and of those around it.
INLINE MlRange
nearby(const MlSamples *const rows[3], int i, int unit, int units)
{
	MlRange r = rows[1]->range[i][unit];

	for (int y = 0; y < 3; y++)
		for (int x = unit ? unit - 1 : 0; rows[y] && x <= unit + 1 && x < units; x++) {
			const MlRange *n = &rows[y]->range[i][x];

			r.low = n->low < r.low ? n->low : r.low;
			r.high = n->high > r.high ? n->high : r.high;
		}
	return r;
}

// tile_of takes a unit's samples and those around it; at the image's edges the
// nearest ones stand for what is not there.
INLINE void
tile_of(Tile *t, const MlSamples *const rows[3], int i, int unit, int units)
{
	int before = unit ? unit - 1 : unit, after = unit + 1 < units ? unit + 1 : unit;

	for (int y = 0; y < SIDE; y++) {
		const MlSamples *row = y == 0 ? rows[0] : y == SIDE - 1 ? rows[2] : rows[1];
		int line = row ? (y + 7) % 8 : y ? 7 : 0;
		const MlVector *from = (row ? row : rows[1])->at[i] + line;

		t->at[y][0] = from[8 * before][unit ? 7 : 0];
		memcpy(&t->at[y][1], &from[8 * unit], 8 * sizeof(float));
		t->at[y][SIDE - 1] = from[8 * after][after > unit ? 0 : 7];
	}
}

// centre is a line of the unit itself.
INLINE MlVector
centre(const Tile *t, int y)
{
	MlVector line;

	memcpy(&line, &t->at[y + 1][1], sizeof(line));
	return line;
}

// wide gives a line's samples for 8 pixels of luma.
INLINE MlVector
wide(const float line[LINE], int factor, int h)
{
	MlVector from;

	memcpy(&from, line + (factor == 2 ? 4 * h : 1), sizeof(from));
	if (factor == 1)
		return from;
	return 0.75f * __builtin_shufflevector(from, from, 1, 1, 2, 2, 3, 3, 4, 4) +
		0.25f * __builtin_shufflevector(from, from, 0, 2, 1, 3, 2, 4, 3, 5);
}

// spread_out gives the samples for a block of luma, at a place in its unit.
INLINE void
spread_out(const Tile *t, const MlShape *s, int h, int v, MlVector out[8])
{
	MlVector lines[6];

	if (s->v == 1) {
		for (int y = 0; y < 8; y++)
			out[y] = wide(t->at[y + 1], s->h, h);
		return;
	}
	for (int y = 0; y < 6; y++)
		lines[y] = wide(t->at[4 * v + y], s->h, h);
	for (int y = 0; y < 8; y++)
		out[y] = 0.75f * lines[y / 2 + 1] + 0.25f * lines[y & 1 ? y / 2 + 2 : y / 2];
}

// stays says that luma and chroma in such ranges, and no colour of them, leaves its
// own.
INLINE int
stays(const MlClip *c, MlRange luma, const MlRange chroma[2])
{
	MlVector low, high;

	if (beyond(luma) || beyond(chroma[0]) || beyond(chroma[1]))
		return 0;
	low = c->plus + c->rise[0] * luma.low + c->fall[0] * luma.high;
	high = c->plus + c->rise[0] * luma.high + c->fall[0] * luma.low;
	for (int k = 0; k < 2; k++) {
		low += c->rise[1 + k] * chroma[k].low + c->fall[1 + k] * chroma[k].high;
		high += c->rise[1 + k] * chroma[k].high + c->fall[1 + k] * chroma[k].low;
	}
	return !is_set((low < -128 - ML_ROUNDS) | (high > 127 + ML_ROUNDS));
}

// reach is a range that no sample leaves: each is at most so far from the mean as
// the other coefficients say together.
INLINE MlRange
reach(const MlVector steps[8])
{
	const float most = 0.2405f; // of a sample, by a coefficient
	MlVector sum = { 0 };
	float mean = steps[0][0] / 8, apart = 0;

	for (int y = 0; y < 8; y++)
		sum += (MlVector) ((Wide) steps[y] & 0x7fffffff);
	for (int x = 0; x < 8; x++)
		apart += sum[x];
	apart = most * (apart - (steps[0][0] < 0 ? -steps[0][0] : steps[0][0]));
	return (MlRange) { mean - apart, mean + apart };
}

// alter makes luma and chroma of pixels, of which chroma has been stopped, what
// they become. It returns 0 if luma and all colours stay in range.
INLINE int
alter(const MlClip *c, MlVector ycc[3][8])
{
	Wide out = { 0 };

	for (int y = 0; y < 8; y++) {
		MlVector rgb[3], made[3];

		ycc[0][y] = stopped(ycc[0][y], &out);
		for (int i = 0; i < 3; i++)
			rgb[i] = stopped(c->colours[i][0] * ycc[0][y] + c->colours[i][1] * ycc[1][y] + c->colours[i][2] * ycc[2][y], &out);
		for (int i = 0; i < 3; i++)
			made[i] = stopped(c->rgb[i][0] * rgb[0] + c->rgb[i][1] * rgb[1] + c->rgb[i][2] * rgb[2] + c->rgb[i][3], &out);
		for (int i = 0; i < 3; i++)
			ycc[i][y] = c->back[i][0] * made[0] + c->back[i][1] * made[1] + c->back[i][2] * made[2];
	}
	return is_set(out);
}

// Unit is what is known of the one that is looked at.
typedef struct {
	int at;
	MlRange range[2];
	int opened; // the following is there
	Tile tiles[2];
	MlVector sums[2][8]; // what comes on top of chroma
} Unit;

INLINE void
open_unit(Unit *u, const MlShape *s, const MlSamples *const rows[3])
{
	u->opened = 1;
	memset(u->tiles, 0, sizeof(u->tiles));
	memset(u->sums, 0, sizeof(u->sums));
	for (int i = 0; i < 2 && s->components > 1; i++)
		tile_of(&u->tiles[i], rows, i, u->at, s->across);
}

// add_up adds what chroma has become beyond what the map makes of it to the
// samples of a unit.
INLINE void
add_up(const MlClip *c, const MlShape *s, int h, int v, MlVector ycc[3][8], MlVector were[2][8], Unit *u)
{
	const MlVector zero = { 0 };
	const float share = 1.0f / (s->h * s->v);

	for (int i = 0; i < 2; i++)
		for (int y = 0; y < 8; y++) {
			MlVector more = (ycc[1 + i][y] - (c->chroma[i][0] * were[0][y] + c->chroma[i][1] * were[1][y])) * share;

			if (s->h == 2) {
				more += __builtin_shufflevector(more, more, 1, 0, 3, 2, 5, 4, 7, 6);
				more = h ? __builtin_shufflevector(zero, more, 0, 0, 0, 0, 8, 10, 12, 14)
					 : __builtin_shufflevector(zero, more, 8, 10, 12, 14, 0, 0, 0, 0);
			}
			u->sums[i][(8 * v + y) / s->v] += more;
		}
}

// clip_chroma makes a unit's chroma of what the map makes of its samples and what
// comes on top.
INLINE void
clip_chroma(const MlClip *c, const Unit *u, int16_t *const to[2])
{
	for (int i = 0; i < 2; i++) {
		MlVector made[8], sums[8];

		for (int y = 0; y < 8; y++)
			sums[y] = u->sums[i][y] + c->chroma[i][0] * centre(&u->tiles[0], y) + c->chroma[i][1] * centre(&u->tiles[1], y);
		encode(sums, made);
		for (int y = 0; y < 8; y++)
			put(to[i], y, made[y] * c->unscale[1 + i][y]);
	}
}

// clip_block alters a block of luma as pixels, if colours leave their range in it.
INLINE int
clip_block(const MlClip *c, const MlShape *s, const MlSamples *const rows[3], Unit *u, int h, int v, const int16_t *block, int16_t *to)
{
	MlVector luma[8], ycc[3][8], were[2][8];

	steps_of(block, c->steps[0], luma);
	if (stays(c, reach(luma), u->range))
		return 0;
	decode(luma, ycc[0]);
	if (stays(c, range_of(ycc[0]), u->range))
		return 0;
	if (!u->opened)
		open_unit(u, s, rows);
	for (int i = 0; i < 2; i++) {
		spread_out(&u->tiles[i], s, h, v, were[i]);
		memcpy(ycc[1 + i], were[i], sizeof(were[i]));
	}
	if (!alter(c, ycc) && !beyond(u->range[0]) && !beyond(u->range[1]))
		return 0;
	if (!c->grey)
		add_up(c, s, h, v, ycc, were, u);
	encode(ycc[0], luma);
	for (int y = 0; y < 8; y++)
		put(to, y, luma[y] * c->unscale[0][y]);
	return 1;
}

static void
clip(const MlClip *c, const MlShape *s, int16_t *const planes[ML_COMPONENTS], const MlSamples *const rows[3],
	int16_t *const made[ML_COMPONENTS], uint8_t *clipped)
{
	const size_t across = (size_t) s->across * s->h;

	for (int unit = 0; unit < s->across; unit++) {
		Unit u;

		u.at = unit;
		u.opened = 0;
		for (int i = 0; i < 2; i++)
			u.range[i] = s->components > 1 ? nearby(rows, i, unit, s->across) : (MlRange) { 0, 0 };
		clipped[unit] = 0;
		for (int b = 0; b < s->h * s->v; b++) {
			size_t at = ((size_t) (b / s->h) * across + unit * s->h + b % s->h) * 64;

			clipped[unit] |= clip_block(c, s, rows, &u, b % s->h, b / s->h, planes[0] + at, made[0] + at) << b;
		}
		if (clipped[unit] && s->components > 1 && !c->grey) {
			int16_t *to[2] = { made[1] + 64 * unit, made[2] + 64 * unit };

			clip_chroma(c, &u, to);
		}
	}
}
