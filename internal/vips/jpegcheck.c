// Reading JPEGs with libjpeg itself, to hear of all that it forgives: libvips
// passes on only the first of its warnings.
#include "vips.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>

#define PADDING 64 // bytes that belong nowhere and are put up with, whatever they are

typedef struct {
	struct jpeg_decompress_struct d;
	struct jpeg_error_mgr errors;
	jmp_buf failed;
	const guint8 *data;
	gboolean scanning;
} Checker;

static void
on_error(j_common_ptr d)
{
	Checker *c = d->client_data;
	char message[JMSG_LENGTH_MAX];

	d->err->format_message(d, message);
	vips_error("VipsJpeg", "%s", message);
	longjmp(c->failed, 1);
}

// is_padding says that the bytes which were skipped just now are few or alike.
static gboolean
is_padding(Checker *c)
{
	size_t n = c->errors.msg_parm.i[0];
	const guint8 *end = c->d.src->next_input_byte;

	if (n <= PADDING)
		return TRUE;
	if (n > (size_t) (end - c->data))
		return FALSE;
	// The first of them may have been in the decoder already, the last may be the marker's.
	for (const guint8 *p = end - n + 8; p < end - 2; p++)
		if (*p != end[8 - (gssize) n])
			return FALSE;
	return TRUE;
}

// on_message is told of every warning, and of much else at higher levels.
static void
on_message(j_common_ptr d, int level)
{
	Checker *c = d->client_data;

	if (level >= 0 || !c->scanning)
		return;
	switch (d->err->msg_code) {
	case JWRN_EXTRANEOUS_DATA:
		if (is_padding(c))
			break;
		vips_error("VipsJpeg", "%s", "image data is left over");
		longjmp(c->failed, 1);
	case JWRN_HIT_MARKER:
	case JWRN_HUFF_BAD_CODE:
	case JWRN_ARITH_BAD_CODE:
	case JWRN_MUST_RESYNC:
	case JWRN_JPEG_EOF:
		on_error(d);
	}
}

static int
check(Checker *c, size_t length)
{
	j_decompress_ptr d = &c->d;
	JSAMPARRAY row;

	d->err = jpeg_std_error(&c->errors);
	d->client_data = c;
	c->errors.error_exit = on_error;
	c->errors.emit_message = on_message;
	if (setjmp(c->failed))
		return -1;
	jpeg_create_decompress(d);
	jpeg_mem_src(d, c->data, length);
	jpeg_read_header(d, TRUE);
	d->out_color_space = d->jpeg_color_space;
	d->scale_num = 1;
	d->scale_denom = 8; // the codes are what is to be read, not the pixels
	c->scanning = TRUE;
	jpeg_start_decompress(d);
	row = d->mem->alloc_sarray((j_common_ptr) d, JPOOL_IMAGE, d->output_width * d->output_components, 1);
	while (d->output_scanline < d->output_height)
		jpeg_read_scanlines(d, row, 1);
	jpeg_finish_decompress(d);
	return 0;
}

int
ml_jpeg_check(const guint8 *data, size_t length)
{
	Checker *c = calloc(1, sizeof(Checker));
	int status;

	if (!c) {
		vips_error("VipsJpeg", "%s", "out of memory");
		return -1;
	}
	c->data = data;
	status = check(c, length);
	jpeg_destroy_decompress(&c->d);
	free(c);
	return status;
}
