// The coefficient lane alone, as the engine has it; see loop.h.
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "coeff.h"

// What the window is for "crop", in pixels; lane.go asks the engine for the same.
enum { LEFT = 256, TOP = 192, WIDTH = 1600, HEIGHT = 1200 };

static const double red = 0.299, blue = 0.114; // of luma

static void
same(MlOrder *o)
{
	o->luma[0] = o->chroma[0][0] = o->chroma[1][1] = 1;
}

// swap: with R-Y = 2 (1 - red) Cr and B-Y = 2 (1 - blue) Cb, the new luma is Y +
// (red - blue) (B - R), and the new chroma is what R and B are then away from it.
static void
swap(MlOrder *o)
{
	double r = 2 * (1 - red), b = 2 * (1 - blue), d = red - blue;

	o->luma[0] = 1;
	o->luma[1] = d * b;
	o->luma[2] = -d * r;
	o->chroma[0][0] = -d;
	o->chroma[0][1] = (r + d * r) / b;
	o->chroma[1][0] = (b - d * b) / r;
	o->chroma[1][1] = d;
}

// grey: brightness is that of ITU-R BT.709, not luma.
static void
grey(MlOrder *o)
{
	const double r = 0.2126, g = 0.7152, b = 0.0722, green = 1 - red - blue;

	o->grey = 1;
	o->luma[0] = 1;
	o->luma[1] = 2 * (1 - blue) * (b - g * blue / green);
	o->luma[2] = 2 * (1 - red) * (r - g * red / green);
	o->clips = 1;
	for (int i = 0; i < 3; i++) {
		o->rgb[i][0] = r;
		o->rgb[i][1] = g;
		o->rgb[i][2] = b;
	}
}

static void
whole(const MlHead *h, MlOrder *o)
{
	o->width = h->width;
	o->height = h->height;
	o->across = ml_units(h->width, h->h);
	o->down = ml_units(h->height, h->v);
	o->restart = h->restart;
}

// turn turns by 90°: the last row becomes the first column.
static void
turn(const MlHead *h, MlOrder *o)
{
	o->transpose = o->flop = 1;
	o->top = h->height / (8 * h->v) - o->down;
	o->width = h->height;
	o->height = h->width;
}

static void
crop(const MlHead *h, MlOrder *o)
{
	o->left = LEFT / (8 * h->h);
	o->top = TOP / (8 * h->v);
	o->across = ml_units(WIDTH, h->h);
	o->down = ml_units(HEIGHT, h->v);
	o->width = WIDTH;
	o->height = HEIGHT;
}

static void
requantise(MlOrder *o, int quality)
{
	struct jpeg_compress_struct c;
	struct jpeg_error_mgr errors;

	c.err = jpeg_std_error(&errors);
	jpeg_create_compress(&c);
	c.in_color_space = JCS_RGB;
	c.input_components = 3;
	jpeg_set_defaults(&c);
	jpeg_set_quality(&c, quality, TRUE);
	o->requantise = 1;
	o->restart = 0;
	for (int i = 0; i < ML_COMPONENTS; i++) {
		o->table[i] = i > 0;
		memcpy(o->quant[i], c.quant_tbl_ptrs[i > 0]->quantval, sizeof(o->quant[i]));
	}
	jpeg_destroy_compress(&c);
}

static int
order(MlOrder *o, const MlHead *h, const char *operation, int quality)
{
	same(o);
	whole(h, o);
	if (strcmp(operation, "swap") == 0)
		swap(o);
	else if (strcmp(operation, "grayscale") == 0)
		grey(o);
	else if (strcmp(operation, "rotate") == 0)
		turn(h, o);
	else if (strcmp(operation, "crop") == 0)
		crop(h, o);
	else if (strcmp(operation, "jpeg") == 0)
		requantise(o, quality);
	else
		return -1;
	return 0;
}

const char *
develop(const char *operation, int quality, const char *path, int output)
{
	size_t length;
	const unsigned char *data = map(path, &length);
	static MlHead h;
	MlOrder o = { .file = output, .limit = 1 << 30 };
	int status;

	if (data == NULL)
		return "no such file";
	status = ml_head(data, length, &h);
	if (status == ML_DONE)
		status = order(&o, &h, operation, quality) ? ML_STRANGE : ml_alter(&h, &o);
	unmap(data, length);
	return status == ML_DONE ? NULL : "not for the lane";
}

int
prepare(void)
{
	return 0;
}
