// Reordering the colour channels as an operation of its own. Joining bands
// that were taken apart costs 1.3 times as much, a matrix more than twice.
#include "vips.h"

#include <stdint.h>

#if defined(__x86_64__)
#include <tmmintrin.h>
#endif

typedef struct {
	int from[3];		// the source channel of each of the result's
	unsigned char mask[16]; // the same for 16 bytes at once
	int step;		// pixels in a mask, 0 when there is none
} Order;

// ROW defines the reordering of one row of elements of one type. Bands beyond
// the third (alpha) stay where they are.
#define ROW(TYPE) \
	static void \
	row_##TYPE(const Order *o, const TYPE *p, TYPE *q, int width, int bands) \
	{ \
		for (int x = 0; x < width; x++, p += bands, q += bands) { \
			TYPE a = p[o->from[0]], b = p[o->from[1]], c = p[o->from[2]]; \
			q[0] = a; \
			q[1] = b; \
			q[2] = c; \
			for (int i = 3; i < bands; i++) \
				q[i] = p[i]; \
		} \
	}

ROW(uint8_t)
ROW(uint16_t)
ROW(uint32_t)
ROW(uint64_t)

#if defined(__x86_64__)
// row_masked reorders as many pixels as it can 16 bytes at a time and returns
// their number. With three bands the sixteenth byte is overwritten by the next
// step, so the last step keeps a pixel's distance from the end of the row.
__attribute__((target("ssse3"))) static int
row_masked(const Order *o, const uint8_t *p, uint8_t *q, int width, int bands)
{
	const __m128i mask = _mm_loadu_si128((const __m128i *) o->mask);
	int x = 0;

	for (; (x + o->step) * bands + (16 - o->step * bands) <= width * bands; x += o->step)
		_mm_storeu_si128((__m128i *) (q + x * bands),
			_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) (p + x * bands)), mask));
	return x;
}
#else
static int
row_masked(const Order *o, const uint8_t *p, uint8_t *q, int width, int bands)
{
	return 0;
}
#endif

static void
row_bytes(const Order *o, const uint8_t *p, uint8_t *q, int width, int bands)
{
	int x = o->step ? row_masked(o, p, q, width, bands) : 0;

	row_uint8_t(o, p + x * bands, q + x * bands, width - x, bands);
}

static int
generate(VipsRegion *out, void *seq, void *a, void *b, gboolean *stop)
{
	VipsRegion *in = seq;
	const Order *o = b;
	VipsRect *r = &out->valid;
	int bands = out->im->Bands;

	if (vips_region_prepare(in, r))
		return -1;
	for (int y = r->top; y < r->top + r->height; y++) {
		void *p = VIPS_REGION_ADDR(in, r->left, y);
		void *q = VIPS_REGION_ADDR(out, r->left, y);

		switch (vips_format_sizeof(out->im->BandFmt)) {
		case 1:
			row_bytes(o, p, q, r->width, bands);
			break;
		case 2:
			row_uint16_t(o, p, q, r->width, bands);
			break;
		case 4:
			row_uint32_t(o, p, q, r->width, bands);
			break;
		default:
			row_uint64_t(o, p, q, r->width, bands);
		}
	}
	return 0;
}

static void
prepare(Order *o, const int from[3], VipsImage *image)
{
	int bands = image->Bands;

	for (int i = 0; i < 3; i++)
		o->from[i] = from[i];
	o->step = 0;
#if defined(__x86_64__)
	if (vips_format_sizeof(image->BandFmt) == 1 && bands <= 4 && __builtin_cpu_supports("ssse3")) {
		o->step = 16 / bands;
		for (int i = 0; i < 16; i++)
			o->mask[i] = i;
		for (int x = 0; x < o->step; x++)
			for (int i = 0; i < 3; i++)
				o->mask[x * bands + i] = x * bands + from[i];
	}
#endif
}

int
ml_swap(VipsImage *in, VipsImage **out, const int from[3])
{
	VipsImage *image;
	Order *order;

	if (in->Bands < 3 || vips_format_sizeof(in->BandFmt) > 8 || in->Coding != VIPS_CODING_NONE) {
		vips_error("swap", "%s", "not an image with three channels");
		return -1;
	}
	image = vips_image_new();
	ml_hold(image, in);
	order = VIPS_NEW(image, Order);
	prepare(order, from, in);
	if (vips_image_pipelinev(image, VIPS_DEMAND_STYLE_THINSTRIP, in, NULL) ||
		vips_image_generate(image, vips_start_one, generate, vips_stop_one, in, order)) {
		g_object_unref(image);
		return -1;
	}
	*out = image;
	return 0;
}
