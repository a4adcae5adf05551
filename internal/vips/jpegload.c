// Decoding JPEGs with libjpeg-turbo. The libjpeg inside the prebuilt libvips is
// mozjpeg's: it makes the same pixels and takes 1.2 to 1.3 times as long.
#include "jpegload.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>

#define LINES 8 // made at once, as many as the library's own loader makes

typedef struct {
	struct jpeg_decompress_struct d;
	struct jpeg_error_mgr errors;
	struct jpeg_source_mgr source;
	jmp_buf failed; // set by whichever of open and generate runs
	gboolean started, broken;
	int rows; // that are wanted; libvips leaves out one that is half outside
	JSAMPARRAY spare;
	MlReel reel;
} Reader;

static void
on_message(j_common_ptr d)
{
	char message[JMSG_LENGTH_MAX];

	d->err->format_message(d, message);
	vips_error("VipsJpeg", "%s", message);
}

static void
on_error(j_common_ptr d)
{
	Reader *r = d->client_data;

	on_message(d);
	r->broken = TRUE;
	longjmp(r->failed, 1);
}

static void
nothing(j_decompress_ptr d)
{
}

// fill is called when all of the data has been read.
static boolean
fill(j_decompress_ptr d)
{
	ERREXIT(d, JERR_INPUT_EOF);
	return FALSE;
}

static void
skip(j_decompress_ptr d, long n)
{
	if (n <= 0)
		return;
	if ((size_t) n > d->src->bytes_in_buffer)
		ERREXIT(d, JERR_INPUT_EOF);
	d->src->next_input_byte += n;
	d->src->bytes_in_buffer -= n;
}

// fits says that the decoder makes the pixels that the header promises, and at
// most a row and a column that is half outside.
static gboolean
fits(j_decompress_ptr d, VipsImage *header)
{
	switch (d->jpeg_color_space) {
	case JCS_GRAYSCALE:
		d->out_color_space = JCS_GRAYSCALE;
		break;
	case JCS_YCbCr:
	case JCS_RGB:
		d->out_color_space = JCS_RGB;
		break;
	default:
		return FALSE;
	}
	jpeg_calc_output_dimensions(d);
	return header->BandFmt == VIPS_FORMAT_UCHAR && header->Coding == VIPS_CODING_NONE &&
		d->output_width - header->Xsize <= 1 && d->output_height - header->Ysize <= 1 &&
		header->Bands == d->out_color_components;
}

// open_reader reads the header. It returns 1 for an image that is not for this decoder.
static int
open_reader(Reader *r, VipsImage *header, int shrink)
{
	j_decompress_ptr d = &r->d;

	d->err = jpeg_std_error(&r->errors);
	d->client_data = r;
	r->errors.error_exit = on_error;
	r->errors.output_message = on_message;
	if (setjmp(r->failed))
		return -1;
	jpeg_create_decompress(d);
	r->source.init_source = nothing;
	r->source.fill_input_buffer = fill;
	r->source.skip_input_data = skip;
	r->source.resync_to_restart = jpeg_resync_to_restart;
	r->source.term_source = nothing;
	r->source.next_input_byte = r->reel.data;
	r->source.bytes_in_buffer = r->reel.length;
	d->src = &r->source;
	jpeg_read_header(d, TRUE);
	d->scale_num = 1;
	d->scale_denom = shrink;
	return fits(d, header) ? 0 : 1;
}

static void
start(Reader *r)
{
	j_decompress_ptr d = &r->d;

	r->started = TRUE;
	jpeg_start_decompress(d);
	r->spare = d->mem->alloc_sarray((j_common_ptr) d, JPOOL_IMAGE, d->output_width * d->output_components, 1);
}

// read_on makes the rows that nobody wanted.
static void
read_on(Reader *r)
{
	while (r->d.output_scanline < r->d.output_height)
		jpeg_read_scanlines(&r->d, r->spare, 1);
}

static int
generate(VipsRegion *out, void *seq, void *a, void *b, gboolean *stop)
{
	Reader *r = a;
	VipsRect *area = &out->valid;
	JSAMPROW rows[LINES];

	if (r->broken || (guint) area->top != r->d.output_scanline) {
		vips_error("VipsJpeg", "%s", r->broken ? "the decoder has failed" : "out of order read");
		return -1;
	}
	if (setjmp(r->failed))
		return -1;
	if (!r->started)
		start(r);
	for (int y = 0; y < area->height;) {
		int n = VIPS_MIN(LINES, area->height - y);

		for (int i = 0; i < n; i++)
			rows[i] = VIPS_REGION_ADDR(out, 0, area->top + y + i);
		y += jpeg_read_scanlines(&r->d, rows, n);
	}
	if (r->d.output_scanline == (guint) r->rows)
		read_on(r);
	r->reel.furthest = r->reel.length - r->source.bytes_in_buffer;
	return 0;
}

static void
close_reader(VipsImage *image, Reader *r)
{
	jpeg_destroy_decompress(&r->d);
	g_free(r);
}

// lay makes the image of the reader's pixels.
static int
lay(VipsImage *image, Reader *r, VipsImage *header, VipsImage **out)
{
	VipsImage *all;
	int status;

	if (vips_image_pipelinev(image, VIPS_DEMAND_STYLE_FATSTRIP, header, NULL))
		return -1;
	r->rows = header->Ysize;
	image->Xsize = r->d.output_width;
	if (vips_image_generate(image, NULL, generate, NULL, r, NULL) ||
		vips_sequential(image, &all, "tile_height", LINES, NULL))
		return -1;
	if (all->Xsize == header->Xsize) {
		*out = all;
		return 0;
	}
	status = vips_extract_area(all, out, 0, 0, header->Xsize, header->Ysize, NULL);
	g_object_unref(all);
	return status;
}

// ml_jpeg_load makes the image whose header libvips has read, from the same
// data. It returns 1 for an image that is not for this decoder: of print
// colours, for one.
int
ml_jpeg_load(VipsImage *header, const guint8 *data, size_t length, int shrink, VipsImage **out, MlReel **reel)
{
	Reader *r = g_new0(Reader, 1);
	VipsImage *image = vips_image_new();
	int status;

	g_signal_connect(image, "close", G_CALLBACK(close_reader), r);
	r->reel.data = data;
	r->reel.length = length;
	*reel = &r->reel;
	if ((status = open_reader(r, header, shrink)) == 0)
		status = lay(image, r, header, out);
	g_object_unref(image); // what was made of it has it
	return status;
}

// ml_jpeg_read_on decodes what has not been wanted of an image that
// ml_jpeg_load has made.
int
ml_jpeg_read_on(MlReel *reel)
{
	Reader *r = (Reader *) ((char *) reel - offsetof(Reader, reel));

	if (r->broken)
		return -1;
	if (setjmp(r->failed))
		return -1;
	if (!r->started)
		start(r);
	read_on(r);
	reel->furthest = reel->length - r->source.bytes_in_buffer;
	return 0;
}
