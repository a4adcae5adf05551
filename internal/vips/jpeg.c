// Writing JPEGs with libjpeg itself: libvips' saver chooses the quantisation
// tables by a number and knows two ways of sampling only.
#include "vips.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#ifdef JPEG_C_PARAM_SUPPORTED
#error "jpeglib.h is that of mozjpeg, which is inside libvips and cannot be linked"
#endif

#define BUFFER 65536
#define LINES 16 // handed over at once

typedef struct {
	struct jpeg_compress_struct c;
	struct jpeg_error_mgr errors;
	struct jpeg_destination_mgr destination;
	jmp_buf failed; // set by whichever of open, strip and close runs
	MlSink *sink;
	VipsImage *in;
	JOCTET buffer[BUFFER];
} Writer;

static void
on_error(j_common_ptr c)
{
	Writer *w = c->client_data;
	char message[JMSG_LENGTH_MAX];

	c->err->format_message(c, message);
	vips_error("jpeg", "%s", message);
	longjmp(w->failed, 1);
}

static void
on_message(j_common_ptr c)
{
}

static void
flush(Writer *w, size_t length)
{
	if (ml_sink_write(w->sink, w->buffer, length)) {
		vips_error("jpeg", "%s", "the result cannot be written");
		longjmp(w->failed, 1);
	}
	w->destination.next_output_byte = w->buffer;
	w->destination.free_in_buffer = BUFFER;
}

static void
begin(j_compress_ptr c)
{
	Writer *w = c->client_data;

	w->destination.next_output_byte = w->buffer;
	w->destination.free_in_buffer = BUFFER;
}

static boolean
overflow(j_compress_ptr c)
{
	flush(c->client_data, BUFFER); // all of it, whatever free_in_buffer says
	return TRUE;
}

static void
end(j_compress_ptr c)
{
	Writer *w = c->client_data;

	flush(w, BUFFER - w->destination.free_in_buffer);
}

// configure says how the image is encoded. What it is told was checked by
// SaveJPEG; libjpeg checks it once more.
static void
configure(j_compress_ptr c, const MlJPEG *how)
{
	jpeg_set_defaults(c);
	if (c->num_components == 3)
		jpeg_set_colorspace(c, how->rgb ? JCS_RGB : JCS_YCbCr);
	c->dct_method = JDCT_ISLOW;
	c->restart_interval = how->restart;
	c->write_Adobe_marker = FALSE; // it is among the segments if there is one
	c->write_JFIF_header = how->jfif;
	c->JFIF_major_version = how->version >> 8;
	c->JFIF_minor_version = how->version & 0xff;
	c->density_unit = how->unit;
	c->X_density = how->x_density;
	c->Y_density = how->y_density;
	for (int t = 0; t < NUM_QUANT_TBLS; t++) {
		if (!c->quant_tbl_ptrs[t])
			c->quant_tbl_ptrs[t] = jpeg_alloc_quant_table((j_common_ptr) c);
		memcpy(c->quant_tbl_ptrs[t]->quantval, how->tables[t], sizeof(how->tables[t]));
	}
	for (int i = 0; i < c->num_components; i++) {
		c->comp_info[i].h_samp_factor = how->h[i];
		c->comp_info[i].v_samp_factor = how->v[i];
		c->comp_info[i].quant_tbl_no = how->table[i];
	}
	if (how->progressive)
		jpeg_simple_progression(c);
}

// write_segments writes whole segments, each a marker, a length and so many bytes.
static void
write_segments(j_compress_ptr c, const guint8 *p, size_t length)
{
	while (length >= 4) {
		size_t size = 2 + (p[2] << 8 | p[3]);

		if (size < 4 || size > length)
			return;
		jpeg_write_marker(c, p[1], p + 4, size - 4);
		p += size;
		length -= size;
	}
}

static int
open_writer(Writer *w, VipsImage *in, const MlJPEG *how, const guint8 *segments, size_t length)
{
	j_compress_ptr c = &w->c;

	c->err = jpeg_std_error(&w->errors);
	c->client_data = w;
	w->errors.error_exit = on_error;
	w->errors.output_message = on_message;
	if (setjmp(w->failed))
		return -1;
	jpeg_create_compress(c);
	w->destination.init_destination = begin;
	w->destination.empty_output_buffer = overflow;
	w->destination.term_destination = end;
	c->dest = &w->destination;
	c->image_width = in->Xsize;
	c->image_height = in->Ysize;
	c->input_components = in->Bands;
	c->in_color_space = in->Bands == 1 ? JCS_GRAYSCALE : JCS_RGB;
	configure(c, how);
	jpeg_start_compress(c, TRUE);
	write_segments(c, segments, length);
	return 0;
}

// write_strip takes the next rows of the image, which come in order.
static int
write_strip(VipsRegion *region, VipsRect *area, void *a)
{
	Writer *w = a;
	JSAMPROW rows[LINES];

	if (setjmp(w->failed))
		return -1;
	for (int y = 0; y < area->height;) {
		int n = VIPS_MIN(LINES, area->height - y);

		for (int i = 0; i < n; i++)
			rows[i] = VIPS_REGION_ADDR(region, 0, area->top + y + i);
		y += jpeg_write_scanlines(&w->c, rows, n);
	}
	return 0;
}

// compute_strip makes rows by tiles of the size that the image's last operation
// likes best.
static int
compute_strip(VipsRegion *strip, VipsRegion *tile, const VipsRect *area, int width)
{
	VipsRect part = *area;

	if (vips_region_buffer(strip, area))
		return -1;
	for (; part.left < area->width; part.left += width) {
		part.width = VIPS_MIN(width, area->width - part.left);
		if (vips_region_prepare_to(tile, strip, &part, part.left, part.top))
			return -1;
	}
	return 0;
}

// compute_and_write is run by write_all, which it tells by its result whether
// all went well.
static gpointer
compute_and_write(gpointer writer)
{
	Writer *w = writer;
	VipsRegion *strip = vips_region_new(w->in), *tile = vips_region_new(w->in);
	int width, height, lines, status = 0;

	vips_get_tile_size(w->in, &width, &height, &lines);
	height = VIPS_MAX(height, LINES);
	for (int y = 0; y < w->in->Ysize && status == 0; y += height) {
		VipsRect area = { 0, y, w->in->Xsize, VIPS_MIN(height, w->in->Ysize - y) };

		status = compute_strip(strip, tile, &area, width) || write_strip(strip, &area, w);
	}
	g_object_unref(strip);
	g_object_unref(tile);
	return GINT_TO_POINTER(status);
}

// write_all computes and writes the image in one thread. Handing rows from one to
// another, as vips_sink_disc does, costs more than it gains where every core has
// a process of its own. It is a thread of the library's, because only those keep
// the memory of rows for the next ones.
static int
write_all(Writer *w, VipsImage *in)
{
	GThread *thread;

	w->in = in;
	if (!(thread = vips_g_thread_new("jpeg", compute_and_write, w)))
		return -1;
	return g_thread_join(thread) ? -1 : 0;
}

static int
close_writer(Writer *w)
{
	if (setjmp(w->failed))
		return -1;
	jpeg_finish_compress(&w->c);
	return 0;
}

int
ml_jpeg(VipsImage *in, MlSink *sink, const MlJPEG *how, const guint8 *segments, size_t length)
{
	Writer *w;
	int status;

	if (in->BandFmt != VIPS_FORMAT_UCHAR || in->Coding != VIPS_CODING_NONE || (in->Bands != 1 && in->Bands != 3)) {
		vips_error("jpeg", "%s", "not an image of 8 bits with one or three channels");
		return -1;
	}
	if (!(w = calloc(1, sizeof(Writer)))) {
		vips_error("jpeg", "%s", "out of memory");
		return -1;
	}
	w->sink = sink;
	status = open_writer(w, in, how, segments, length) || write_all(w, in) || close_writer(w) ? -1 : 0;
	jpeg_destroy_compress(&w->c);
	free(w);
	return status;
}
