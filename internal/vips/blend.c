// Laying one image over another as an operation of its own. The library's
// composite cuts fractions off: what is laid over white can come out darker,
// and in floating point numbers, which are exact, it costs several times this.
#include "blend.h"

#include <math.h>
#include <stdint.h>

typedef struct {
	int mode;
	double opacity; // of the overlay
	double full;	// the largest value
	int colours;	// channels that are not alpha
	int alpha;	// the image has alpha
	VipsRect area;	// of the overlay on the image
} Blending;

// blend_soft_light and the others are the functions B(b, s) of W3C's
// Compositing and Blending Level 1, of the image's channel and the overlay's.
static double
blend_soft_light(double b, double s)
{
	double d = b <= 0.25 ? ((16 * b - 12) * b + 4) * b : sqrt(b);

	return s <= 0.5 ? b - (1 - 2 * s) * b * (1 - b) : b + (2 * s - 1) * (d - b);
}

static inline double
blend_hard_light(double b, double s)
{
	return s <= 0.5 ? 2 * b * s : 1 - 2 * (1 - b) * (1 - s);
}

static inline double
blend_channel(int mode, double b, double s)
{
	switch (mode) {
	case ML_MULTIPLY: return b * s;
	case ML_SCREEN: return b + s - b * s;
	case ML_OVERLAY: return blend_hard_light(s, b);
	case ML_DARKEN: return b < s ? b : s;
	case ML_LIGHTEN: return b > s ? b : s;
	case ML_COLOR_DODGE: return b <= 0 ? 0 : s >= 1 || b >= 1 - s ? 1 : b / (1 - s);
	case ML_COLOR_BURN: return b >= 1 ? 1 : s <= 0 || 1 - b >= s ? 0 : 1 - (1 - b) / s;
	case ML_HARD_LIGHT: return blend_hard_light(b, s);
	case ML_SOFT_LIGHT: return blend_soft_light(b, s);
	case ML_DIFFERENCE: return b > s ? b - s : s - b;
	case ML_EXCLUSION: return b + s - 2 * b * s;
	default: return s;
	}
}

// BLEND_ROW defines the laying of one row of the overlay, s, over one of the
// image, p. The compiler makes a loop for each mode that it is told. The mode
// add is the operator "lighter" of the same document.
#define BLEND_ROW(TYPE) \
	static inline __attribute__((always_inline)) void \
	blend_row_of_##TYPE(const Blending *m, const TYPE *p, const TYPE *s, TYPE *q, int width, int mode) \
	{ \
		double unit = 1 / m->full; \
		int n = m->colours, bands = n + m->alpha; \
\
		for (int x = 0; x < width; x++, p += bands, q += bands, s += n + 1) { \
			double as = m->opacity * s[n] * unit; \
			double ab = m->alpha ? p[n] * unit : 1; \
			double ao = mode == ML_ADD ? VIPS_MIN(1, as + ab) : as + ab * (1 - as); \
\
			if (as <= 0) { \
				memcpy(q, p, bands * sizeof(TYPE)); \
				continue; \
			} \
			double scale = m->full / ao; \
\
			for (int c = 0; c < n; c++) { \
				double cb = p[c] * unit, cs = s[c] * unit, co; \
\
				if (mode == ML_ADD) \
					co = as * cs + ab * cb; \
				else \
					co = as * ((1 - ab) * cs + ab * blend_channel(mode, cb, cs)) + (1 - as) * ab * cb; \
				q[c] = (TYPE) (VIPS_CLIP(0, co * scale, m->full) + ML_HALF); \
			} \
			if (m->alpha) \
				q[n] = (TYPE) (ao * m->full + ML_HALF); \
		} \
	} \
\
	static void \
	blend_row_##TYPE(const Blending *m, const TYPE *p, const TYPE *s, TYPE *q, int width) \
	{ \
		switch (m->mode) { \
		case ML_OVER: blend_row_of_##TYPE(m, p, s, q, width, ML_OVER); break; \
		case ML_MULTIPLY: blend_row_of_##TYPE(m, p, s, q, width, ML_MULTIPLY); break; \
		case ML_SCREEN: blend_row_of_##TYPE(m, p, s, q, width, ML_SCREEN); break; \
		case ML_ADD: blend_row_of_##TYPE(m, p, s, q, width, ML_ADD); break; \
		default: blend_row_of_##TYPE(m, p, s, q, width, m->mode); \
		} \
	}

BLEND_ROW(uint8_t)
BLEND_ROW(uint16_t)

// blend_area lays the part of the overlay that is in r over what is there.
static int
blend_area(VipsRegion *out, VipsRegion *in, VipsRegion *overlay, const Blending *m, const VipsRect *r)
{
	VipsRect there = { r->left - m->area.left, r->top - m->area.top, r->width, r->height };

	if (vips_region_prepare(overlay, &there))
		return -1;
	for (int y = 0; y < r->height; y++) {
		void *p = VIPS_REGION_ADDR(in, r->left, r->top + y);
		void *s = VIPS_REGION_ADDR(overlay, there.left, there.top + y);
		void *q = VIPS_REGION_ADDR(out, r->left, r->top + y);

		if (out->im->BandFmt == VIPS_FORMAT_UCHAR)
			blend_row_uint8_t(m, p, s, q, r->width);
		else
			blend_row_uint16_t(m, p, s, q, r->width);
	}
	return 0;
}

static int
blend_generate(VipsRegion *out, void *seq, void *a, void *b, gboolean *stop)
{
	VipsRegion **in = seq;
	const Blending *m = b;
	VipsRect *r = &out->valid, covered;

	if (vips_region_prepare(in[0], r))
		return -1;
	vips_rect_intersectrect(r, &m->area, &covered);
	if (vips_rect_isempty(&covered))
		return vips_region_region(out, in[0], r, r->left, r->top);
	vips_region_copy(in[0], out, r, r->left, r->top);
	return blend_area(out, in[0], in[1], m, &covered);
}

int
ml_blend(VipsImage *in, VipsImage *overlay, VipsImage **out, int left, int top, int mode, double opacity)
{
	VipsImage *image, **both;
	Blending *m;
	int colours = in->Bands - (in->Bands % 2 == 0);

	if (in->Bands > 4 || overlay->Bands != colours + 1 || overlay->BandFmt != in->BandFmt ||
		in->Coding != VIPS_CODING_NONE || (in->BandFmt != VIPS_FORMAT_UCHAR && in->BandFmt != VIPS_FORMAT_USHORT)) {
		vips_error("blend", "%s", "not an image, and one of the same kind with alpha to lay over it");
		return -1;
	}
	image = vips_image_new();
	ml_hold(image, in);
	ml_hold(image, overlay);
	both = vips_allocate_input_array(image, in, overlay, NULL);
	m = VIPS_NEW(image, Blending);
	*m = (Blending) { .mode = mode, .opacity = opacity, .colours = colours, .alpha = in->Bands > colours };
	m->full = in->BandFmt == VIPS_FORMAT_UCHAR ? 255 : 65535;
	m->area = (VipsRect) { left, top, overlay->Xsize, overlay->Ysize };
	if (!both || vips_image_pipeline_array(image, VIPS_DEMAND_STYLE_THINSTRIP, both) ||
		vips_image_generate(image, vips_start_many, blend_generate, vips_stop_many, both, m)) {
		g_object_unref(image);
		return -1;
	}
	*out = image;
	return 0;
}
