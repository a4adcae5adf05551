// Bare libjpeg-turbo: decode, alter, encode with the source's tables, sampling
// and restart markers, some rows at a time; see loop.h. Red and blue trade places
// for nothing, since the encoder is told that red comes last.
#include "loop.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>

#define BUFFER 65536
#define LINES 16

typedef struct {
	struct jpeg_decompress_struct d;
	struct jpeg_compress_struct c;
	struct jpeg_error_mgr errors;
	struct jpeg_destination_mgr destination;
	jmp_buf failed;
	char message[JMSG_LENGTH_MAX];
	int output;
	JOCTET buffer[BUFFER];
} Loop;

static const struct {
	const char *name;
	J_COLOR_SPACE decoded, encoded;
	int requantised;
} operations[] = {
	{ "swap", JCS_EXT_RGB, JCS_EXT_BGR, 0 },
	{ "grayscale", JCS_GRAYSCALE, JCS_GRAYSCALE, 0 },
	{ "jpeg", JCS_EXT_RGB, JCS_EXT_RGB, 1 },
};

static void
on_error(j_common_ptr c)
{
	Loop *l = c->client_data;

	c->err->format_message(c, l->message);
	longjmp(l->failed, 1);
}

static void
on_message(j_common_ptr c)
{
	(void) c;
}

static void
begin(j_compress_ptr c)
{
	Loop *l = c->client_data;

	l->destination.next_output_byte = l->buffer;
	l->destination.free_in_buffer = BUFFER;
}

static void
flush(Loop *l, size_t length)
{
	if (write(l->output, l->buffer, length) != (ssize_t) length) {
		strcpy(l->message, "the result cannot be written");
		longjmp(l->failed, 1);
	}
	begin(&l->c);
}

static boolean
overflow(j_compress_ptr c)
{
	flush(c->client_data, BUFFER);
	return TRUE;
}

static void
end(j_compress_ptr c)
{
	Loop *l = c->client_data;

	flush(l, BUFFER - l->destination.free_in_buffer);
}

static void
open_both(Loop *l, const unsigned char *data, size_t length)
{
	jpeg_std_error(&l->errors);
	l->errors.error_exit = on_error;
	l->errors.output_message = on_message;
	l->d.err = l->c.err = &l->errors;
	l->d.client_data = l->c.client_data = l;
	jpeg_create_decompress(&l->d);
	jpeg_create_compress(&l->c);
	jpeg_mem_src(&l->d, data, length);
	l->destination.init_destination = begin;
	l->destination.empty_output_buffer = overflow;
	l->destination.term_destination = end;
	l->c.dest = &l->destination;
}

static void
as_source(Loop *l, int quality)
{
	jpeg_set_defaults(&l->c);
	if (quality > 0)
		jpeg_set_quality(&l->c, quality, TRUE);
	for (int i = 0; i < l->c.num_components; i++) {
		const jpeg_component_info *from = &l->d.comp_info[i];
		jpeg_component_info *to = &l->c.comp_info[i];
		JQUANT_TBL *table = from->quant_table ? from->quant_table : l->d.quant_tbl_ptrs[from->quant_tbl_no];

		to->h_samp_factor = l->c.num_components == 1 ? 1 : from->h_samp_factor;
		to->v_samp_factor = l->c.num_components == 1 ? 1 : from->v_samp_factor;
		if (quality == 0 && table)
			memcpy(l->c.quant_tbl_ptrs[to->quant_tbl_no]->quantval, table->quantval, sizeof(table->quantval));
	}
	l->c.restart_interval = l->d.restart_interval;
	if (jpeg_has_multiple_scans(&l->d))
		jpeg_simple_progression(&l->c);
}

static void
copy(Loop *l)
{
	int width = l->d.output_width * l->d.output_components;
	JSAMPARRAY lines = l->c.mem->alloc_sarray((j_common_ptr) &l->c, JPOOL_IMAGE, width, LINES);

	while (l->d.output_scanline < l->d.output_height) {
		int n = jpeg_read_scanlines(&l->d, lines, LINES);

		jpeg_write_scanlines(&l->c, lines, n);
	}
}

static void
run(Loop *l, int operation, int quality)
{
	jpeg_read_header(&l->d, TRUE);
	l->d.out_color_space = operations[operation].decoded;
	jpeg_start_decompress(&l->d);
	l->c.image_width = l->d.output_width;
	l->c.image_height = l->d.output_height;
	l->c.input_components = l->d.output_components;
	l->c.in_color_space = operations[operation].encoded;
	as_source(l, operations[operation].requantised ? quality : 0);
	jpeg_start_compress(&l->c, TRUE);
	copy(l);
	jpeg_finish_compress(&l->c);
	jpeg_finish_decompress(&l->d);
}

const char *
develop(const char *operation, int quality, const char *path, int output)
{
	static Loop l;
	size_t length;
	const unsigned char *data = map(path, &length);
	int i = sizeof(operations) / sizeof(*operations);

	while (i-- > 0 && strcmp(operations[i].name, operation) != 0)
		;
	if (data == NULL || i < 0)
		return "no such file, or no such operation";
	memset(&l, 0, offsetof(Loop, buffer));
	l.output = output;
	if (setjmp(l.failed) == 0) {
		open_both(&l, data, length);
		run(&l, i, quality);
	}
	jpeg_destroy_compress(&l.c);
	jpeg_destroy_decompress(&l.d);
	unmap(data, length);
	return l.message[0] ? l.message : NULL;
}

int
prepare(void)
{
	return 0;
}
