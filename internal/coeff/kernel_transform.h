// The cosine transform and its inverse, after Arai, Agui and Nakajima (Transactions
// of the IEICE E71(11), 1988), as libjpeg's jfdctflt.c and jidctflt.c do it: 5
// multiplications for 8 samples, if coefficients are scaled, which their steps see to
// (ml_clip). Included by kernel_range.h.
//
// Bounds: all loops go over the 8 rows of a block.

// upright transposes. It is done in quarters, which any processor has vectors for.
typedef float Quarter __attribute__((vector_size(16)));

INLINE void
upright(const MlVector in[8], MlVector out[8])
{
	Quarter from[16];

	memcpy(from, in, sizeof(from));
	for (int half = 0; half < 2; half++) {
#if defined(__AVX2__)
		MlVector rows[4], low[2], high[2];

		for (int i = 0; i < 4; i++)
			rows[i] = __builtin_shufflevector(from[2 * i + half], from[2 * i + 8 + half], 0, 1, 2, 3, 4, 5, 6, 7);
		for (int i = 0; i < 2; i++) {
			low[i] = __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
			high[i] = __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
		}
		out[4 * half] = __builtin_shufflevector(low[0], low[1], 0, 1, 8, 9, 4, 5, 12, 13);
		out[4 * half + 1] = __builtin_shufflevector(low[0], low[1], 2, 3, 10, 11, 6, 7, 14, 15);
		out[4 * half + 2] = __builtin_shufflevector(high[0], high[1], 0, 1, 8, 9, 4, 5, 12, 13);
		out[4 * half + 3] = __builtin_shufflevector(high[0], high[1], 2, 3, 10, 11, 6, 7, 14, 15);
#else
		Quarter to[4][2];

		for (int i = 0; i < 2; i++) {
			const Quarter *r = from + 8 * i + half;
			Quarter a = __builtin_shufflevector(r[0], r[2], 0, 4, 1, 5), b = __builtin_shufflevector(r[0], r[2], 2, 6, 3, 7);
			Quarter c = __builtin_shufflevector(r[4], r[6], 0, 4, 1, 5), d = __builtin_shufflevector(r[4], r[6], 2, 6, 3, 7);

			to[0][i] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
			to[1][i] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
			to[2][i] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
			to[3][i] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
		}
		memcpy(out + 4 * half, to, sizeof(to));
#endif
	}
}

// samples_down makes samples of each column of coefficients.
INLINE void
samples_down(MlVector x[8])
{
	MlVector a = x[0] + x[4], b = x[0] - x[4], c = x[2] + x[6], d = (x[2] - x[6]) * 1.414213562f - c;
	MlVector even[4] = { a + c, b + d, b - d, a - c }, odd[4];
	MlVector sum = x[5] + x[3], less = x[5] - x[3], outer = x[1] + x[7], apart = x[1] - x[7];
	MlVector turn = (less + apart) * 1.847759065f;

	odd[0] = outer + sum;
	odd[1] = turn - less * 2.613125930f - odd[0];
	odd[2] = (outer - sum) * 1.414213562f - odd[1];
	odd[3] = turn - apart * 1.082392200f - odd[2];
	for (int i = 0; i < 4; i++) {
		x[i] = even[i] + odd[i];
		x[7 - i] = even[i] - odd[i];
	}
}

// coefficients_down makes coefficients of each column of samples.
INLINE void
coefficients_down(MlVector x[8])
{
	MlVector sum[4], less[4], a, b, c, d, turn, inner, outer;

	for (int i = 0; i < 4; i++) {
		sum[i] = x[i] + x[7 - i];
		less[i] = x[i] - x[7 - i];
	}
	a = sum[0] + sum[3];
	b = sum[1] + sum[2];
	c = sum[0] - sum[3];
	d = (sum[1] - sum[2] + c) * 0.707106781f;
	x[0] = a + b;
	x[4] = a - b;
	x[2] = c + d;
	x[6] = c - d;
	a = less[3] + less[2];
	b = (less[2] + less[1]) * 0.707106781f;
	c = less[1] + less[0];
	turn = (a - c) * 0.382683433f;
	inner = 0.541196100f * a + turn;
	outer = 1.306562965f * c + turn;
	a = less[0] + b;
	b = less[0] - b;
	x[5] = b + inner;
	x[3] = b - inner;
	x[1] = a + outer;
	x[7] = a - outer;
}

// decode makes samples of scaled coefficients. They come transposed.
INLINE void
decode(const int16_t *block, const MlVector scale[8], MlVector p[8])
{
	MlVector x[8];

	for (int y = 0; y < 8; y++)
		x[y] = row(block, y) * scale[y];
	samples_down(x);
	upright(x, p);
	samples_down(p);
}

// encode makes scaled coefficients of samples.
INLINE void
encode(const MlVector p[8], const MlVector scale[8], int16_t *block)
{
	MlVector x[8], c[8];

	memcpy(x, p, sizeof(x));
	coefficients_down(x);
	upright(x, c);
	coefficients_down(c);
	upright(c, x);
	for (int y = 0; y < 8; y++)
		put(block, y, x[y] * scale[y]);
}
