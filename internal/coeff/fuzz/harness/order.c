#include "order.h"

#include <string.h>

// Map is one of colours.
typedef struct {
	float luma[3], chroma[2][2], add;
} Map;

static const Map maps[] = {
	{ { 1, 0, 0 }, { { 1, 0 }, { 0, 1 } }, 0 },
	{ { 1, 0, 0 }, { { 1, 0 }, { 0, 1 } }, 0 }, // twice: what is the same can be compared best
	{ { 1, 0, 0 }, { { 0, 1 }, { 1, 0 } }, 0 },
	{ { 1, 0.329856f, -0.329856f }, { { -0.186162f, 0.847379f }, { 1.186162f, 0.152621f } }, 0 }, // red for blue, nearly
	{ { -1, 0, 0 }, { { -1, 0 }, { 0, -1 } }, -1 },
	{ { 1, 0, 0 }, { { 0, 0 }, { 0, 0 } }, 0 },
	{ { 1, 0, 0 }, { { 1, 0 }, { 0, 1 } }, 90 },
	{ { 4, 3, -3 }, { { 8, -8 }, { -8, 8 } }, -255 },
};

// What colours that leave their range are altered by, as pixels.
static const float pixels[][3][4] = {
	{ { 0, 0, 1, 0 }, { 0, 1, 0, 0 }, { 1, 0, 0, 0 } },
	{ { 3, -1, -1, 0 }, { -1, 3, -1, 0 }, { -1, -1, 3, 100 } },
};

static const char segments[] = "\xff\xe0\0\x10JFIF\0\1\2\0\0\1\0\1\0\0\xff\xfe\0\x09minilab";

// part chooses some of so many units.
static void
part(int units, int from, int some, int *first, int *count)
{
	*first = from % units;
	*count = 1 + some % (units - *first);
}

// length is a number of pixels that takes so many units up to the given one: all
// there are of the last one in the image, or some of it.
static int
length(int pixels, int unit, int first, int count, int less)
{
	int end = (first + count) * unit;

	if (end >= pixels)
		end = pixels;
	else
		end -= less % unit;
	return end - first * unit;
}

// choose_steps makes three tables, or two.
static void
choose_steps(MlOrder *o, unsigned n)
{
	for (int c = 0; c < ML_COMPONENTS; c++) {
		o->table[c] = n & 8 || c == 0 ? c : 1;
		for (int k = 0; k < 64; k++) {
			unsigned step = 1 + (n >> 4) * (o->table[c] + 1) + k * (n & 7);

			o->quant[c][k] = step > 450 ? ML_MOST_QUANT : step;
		}
	}
}

void
order_make(MlOrder *o, const MlHead *head, const uint8_t bytes[ORDER_BYTES])
{
	const Map *m = &maps[bytes[1] % (sizeof(maps) / sizeof(*maps))];
	int across = ml_units(head->width, head->h), down = ml_units(head->height, head->v), width, height;

	memset(o, 0, sizeof(*o));
	o->transpose = bytes[0] & 1;
	o->flop = bytes[0] >> 1 & 1;
	o->flip = bytes[0] >> 2 & 1;
	o->grey = bytes[0] >> 3 & 1;
	o->optimal = bytes[0] >> 4 & 1;
	o->requantise = bytes[0] >> 5 & 1;
	o->across = across;
	o->down = down;
	if (bytes[0] & 0x40) {
		part(across, bytes[2] | bytes[3] << 8, bytes[4], &o->left, &o->across);
		part(down, bytes[5] | bytes[6] << 8, bytes[7], &o->top, &o->down);
	}
	width = length(head->width, 8 * head->h, o->left, o->across, bytes[8]);
	height = length(head->height, 8 * head->v, o->top, o->down, bytes[8] >> 4);
	o->width = o->transpose ? height : width;
	o->height = o->transpose ? width : height;
	memcpy(o->luma, m->luma, sizeof(o->luma));
	memcpy(o->chroma, m->chroma, sizeof(o->chroma));
	o->add = m->add;
	o->clips = bytes[1] >> 7;
	memcpy(o->rgb, pixels[bytes[1] >> 6 & 1], sizeof(o->rgb));
	choose_steps(o, bytes[9]);
	o->segments = (const uint8_t *) segments;
	o->restart = bytes[10] & 2 ? head->restart : bytes[10] >> 2;
	o->length = bytes[10] & 1 ? 0 : sizeof(segments) - 1;
	o->limit = bytes[0] & 0x80 ? 16 * bytes[11] : 1 << 28;
}
