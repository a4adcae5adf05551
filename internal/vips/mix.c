// Mixing the colour channels of each pixel as operations of their own. The
// library's recomb makes floating point images, which cost as much again to
// round and cannot be rounded exactly.
#include "vips.h"

#include <stdint.h>

// BLOCK is how many pixels are mixed at once, so that the compiler can use
// vector instructions on each channel.
#define BLOCK 64

typedef struct {
	MlMix mix;
	double full; // the largest value
	int bands;   // of the source
	int alpha;   // the source's last channel goes to the result as it is
} Mixing;

typedef double Channels[4][BLOCK];

static inline __attribute__((always_inline)) void
mix_matrix(const MlMix *m, Channels in, Channels out, int sources, int rows)
{
	for (int c = 0; c < rows; c++) {
		const double *k = m->rows_of[c];

		for (int i = 0; i < BLOCK; i++) {
			double v = k[4];

			for (int s = 0; s < sources; s++)
				v += k[s] * in[s][i];
			out[c][i] = v;
		}
	}
}

// mix_tint is the blend mode "color" of W3C's Compositing and Blending: a
// colour of the tint's hue that is as bright as the pixel. Where it would leave
// the range it goes towards grey.
static void
mix_tint(const MlMix *m, Channels in, Channels out, double full)
{
	for (int i = 0; i < BLOCK; i++) {
		double y = m->weights[0] * in[0][i] + m->weights[1] * in[1][i] + m->weights[2] * in[2][i];
		double up = (full - y) * m->above, down = y * m->below;
		double share = up < down ? up : down;

		share = share < full ? share : full;
		for (int c = 0; c < 3; c++)
			out[c][i] = in[c][i] + m->amount * (y + share * m->tint[c] - in[c][i]);
	}
}

static inline double
mix_clamp(double v, double full)
{
	v += ML_HALF;
	v = v > 0 ? v : 0;
	return v < full ? v : full;
}

// MIX_ROW defines the mixing of one row. The compiler makes a loop for each
// number of channels that it is told.
#define MIX_ROW(TYPE) \
	static inline __attribute__((always_inline)) void \
	mix_row_of_##TYPE(const Mixing *m, const TYPE *p, TYPE *q, int width, int bands, int sources, int rows) \
	{ \
		int results = rows + bands - sources; \
		Channels in, out; \
\
		memset(in, 0, sizeof(in)); \
		for (int x = 0; x < width; x += BLOCK) { \
			int n = VIPS_MIN(BLOCK, width - x); \
\
			for (int i = 0; i < n; i++) \
				for (int c = 0; c < sources; c++) \
					in[c][i] = p[i * bands + c]; \
			if (m->mix.tinted) \
				mix_tint(&m->mix, in, out, m->full); \
			else \
				mix_matrix(&m->mix, in, out, sources, rows); \
			for (int i = 0; i < n; i++) { \
				for (int c = 0; c < rows; c++) \
					q[i * results + c] = (TYPE) (int) mix_clamp(out[c][i], m->full); \
				if (bands > sources) \
					q[i * results + rows] = p[i * bands + bands - 1]; \
			} \
			p += n * bands; \
			q += n * results; \
		} \
	} \
\
	static void \
	mix_row_##TYPE(const Mixing *m, const TYPE *p, TYPE *q, int width) \
	{ \
		int rows = m->mix.rows; \
\
		if (rows == 4) \
			mix_row_of_##TYPE(m, p, q, width, 4, 4, 4); \
		else if (rows == 1 && m->bands == 3) \
			mix_row_of_##TYPE(m, p, q, width, 3, 3, 1); \
		else if (rows == 1) \
			mix_row_of_##TYPE(m, p, q, width, 4, 3, 1); \
		else if (m->bands == 3) \
			mix_row_of_##TYPE(m, p, q, width, 3, 3, 3); \
		else \
			mix_row_of_##TYPE(m, p, q, width, 4, 3, 3); \
	}

MIX_ROW(uint8_t)
MIX_ROW(uint16_t)

static int
mix_generate(VipsRegion *out, void *seq, void *a, void *b, gboolean *stop)
{
	VipsRegion *in = seq;
	const Mixing *m = b;
	VipsRect *r = &out->valid;

	if (vips_region_prepare(in, r))
		return -1;
	for (int y = r->top; y < r->top + r->height; y++) {
		void *p = VIPS_REGION_ADDR(in, r->left, y);
		void *q = VIPS_REGION_ADDR(out, r->left, y);

		if (out->im->BandFmt == VIPS_FORMAT_UCHAR)
			mix_row_uint8_t(m, p, q, r->width);
		else
			mix_row_uint16_t(m, p, q, r->width);
	}
	return 0;
}

static VipsInterpretation
mix_meaning(int colours, VipsBandFormat format)
{
	if (format == VIPS_FORMAT_UCHAR)
		return colours == 1 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
	return colours == 1 ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_RGB16;
}

int
ml_mix(VipsImage *in, VipsImage **out, const MlMix *mix)
{
	VipsImage *image;
	Mixing *m;

	if (in->Bands < 3 || in->Bands > 4 || (mix->rows == 4 && in->Bands < 4) || in->Coding != VIPS_CODING_NONE ||
		(in->BandFmt != VIPS_FORMAT_UCHAR && in->BandFmt != VIPS_FORMAT_USHORT)) {
		vips_error("mix", "%s", "not an image of red, green and blue, and alpha where it is made");
		return -1;
	}
	image = vips_image_new();
	ml_hold(image, in);
	m = VIPS_NEW(image, Mixing);
	m->mix = *mix;
	m->full = in->BandFmt == VIPS_FORMAT_UCHAR ? 255 : 65535;
	m->bands = in->Bands;
	m->alpha = in->Bands == 4 && mix->rows < 4;
	for (int c = 0; c < mix->rows; c++)
		m->mix.rows_of[c][4] *= m->full;
	if (vips_image_pipelinev(image, VIPS_DEMAND_STYLE_THINSTRIP, in, NULL)) {
		g_object_unref(image);
		return -1;
	}
	image->Bands = mix->rows + m->alpha;
	image->Type = mix_meaning(mix->rows, in->BandFmt);
	if (vips_image_generate(image, vips_start_one, mix_generate, vips_stop_one, in, m)) {
		g_object_unref(image);
		return -1;
	}
	*out = image;
	return 0;
}
