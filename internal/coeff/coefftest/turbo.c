#include "turbo.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

typedef struct {
	struct jpeg_error_mgr manager;
	jmp_buf failed;
} Errors;

static void
fail(j_common_ptr j)
{
	longjmp(((Errors *) j->err)->failed, 1);
}

// hear takes warnings for errors.
static void
hear(j_common_ptr j, int level)
{
	if (level < 0)
		fail(j);
}

static struct jpeg_error_mgr *
errors(Errors *e)
{
	jpeg_std_error(&e->manager);
	e->manager.error_exit = fail;
	e->manager.emit_message = hear;
	return &e->manager;
}

static void
begin(j_decompress_ptr d, const uint8_t *data, size_t length)
{
	jpeg_create_decompress(d);
	jpeg_mem_src(d, data, length);
	jpeg_read_header(d, TRUE);
}

int
ml_turbo_head(const uint8_t *data, size_t length, MlTurbo *head)
{
	struct jpeg_decompress_struct d;
	Errors e;

	memset(head, 0, sizeof(*head));
	d.err = errors(&e);
	if (setjmp(e.failed)) {
		jpeg_destroy_decompress(&d);
		return -1;
	}
	begin(&d, data, length);
	jpeg_read_coefficients(&d); // so that the tables of a last scan are there
	if (d.num_components > 3)
		fail((j_common_ptr) &d);
	head->width = d.image_width;
	head->height = d.image_height;
	head->components = d.num_components;
	head->h = d.num_components > 1 ? d.comp_info[0].h_samp_factor : 1;
	head->v = d.num_components > 1 ? d.comp_info[0].v_samp_factor : 1;
	head->restart = d.restart_interval;
	head->progressive = d.progressive_mode;
	for (int c = 0; c < d.num_components; c++)
		memcpy(head->quant[c], d.comp_info[c].quant_table->quantval, sizeof(head->quant[c]));
	jpeg_destroy_decompress(&d);
	return 0;
}

int
ml_turbo_decode(const uint8_t *data, size_t length, const MlTurbo *head, uint8_t *pixels)
{
	struct jpeg_decompress_struct d;
	Errors e;

	d.err = errors(&e);
	if (setjmp(e.failed)) {
		jpeg_destroy_decompress(&d);
		return -1;
	}
	begin(&d, data, length);
	if (head->ycc)
		d.out_color_space = JCS_YCbCr;
	jpeg_start_decompress(&d);
	while (d.output_scanline < d.output_height) {
		JSAMPROW row = pixels + (size_t) d.output_scanline * head->width * head->components;

		jpeg_read_scanlines(&d, &row, 1);
	}
	jpeg_finish_decompress(&d);
	jpeg_destroy_decompress(&d);
	return 0;
}

static int
units(int pixels, int factor)
{
	return (pixels + 8 * factor - 1) / (8 * factor);
}

static void
take(j_decompress_ptr d, jvirt_barray_ptr *arrays, const MlTurbo *head, int16_t *blocks)
{
	for (int c = 0; c < head->components; c++) {
		int h = c ? 1 : head->h, v = c ? 1 : head->v, across = units(head->width, head->h) * h;

		for (int y = 0; y < units(head->height, head->v) * v; y++, blocks += (size_t) across * 64) {
			JBLOCKARRAY rows = d->mem->access_virt_barray((j_common_ptr) d, arrays[c], y, 1, FALSE);

			memcpy(blocks, rows[0], (size_t) across * sizeof(JBLOCK));
		}
	}
}

int
ml_turbo_coefficients(const uint8_t *data, size_t length, const MlTurbo *head, int16_t *blocks)
{
	struct jpeg_decompress_struct d;
	jvirt_barray_ptr *arrays;
	Errors e;

	d.err = errors(&e);
	if (setjmp(e.failed)) {
		jpeg_destroy_decompress(&d);
		return -1;
	}
	begin(&d, data, length);
	arrays = jpeg_read_coefficients(&d);
	take(&d, arrays, head, blocks);
	jpeg_destroy_decompress(&d);
	return 0;
}

static void
configure(j_compress_ptr c, const MlTurbo *wanted)
{
	c->image_width = wanted->width;
	c->image_height = wanted->height;
	c->input_components = wanted->components;
	c->in_color_space = wanted->components == 1 ? JCS_GRAYSCALE : wanted->ycc ? JCS_YCbCr : JCS_RGB;
	jpeg_set_defaults(c);
	c->dct_method = JDCT_ISLOW;
	c->optimize_coding = wanted->optimal;
	c->restart_interval = wanted->restart;
	if (!wanted->tables)
		jpeg_set_quality(c, wanted->quality, TRUE);
	for (int i = 0; i < wanted->components; i++) {
		c->comp_info[i].h_samp_factor = i ? 1 : wanted->h;
		c->comp_info[i].v_samp_factor = i ? 1 : wanted->v;
		if (!wanted->tables)
			continue;
		if (!c->quant_tbl_ptrs[i])
			c->quant_tbl_ptrs[i] = jpeg_alloc_quant_table((j_common_ptr) c);
		memcpy(c->quant_tbl_ptrs[i]->quantval, wanted->quant[i], sizeof(wanted->quant[i]));
		c->comp_info[i].quant_tbl_no = i;
	}
	if (wanted->progressive)
		jpeg_simple_progression(c);
}

int
ml_turbo_encode(const uint8_t *pixels, const MlTurbo *wanted, unsigned char **out, unsigned long *length)
{
	struct jpeg_compress_struct c;
	Errors e;

	c.err = errors(&e);
	if (setjmp(e.failed)) {
		jpeg_destroy_compress(&c);
		return -1;
	}
	jpeg_create_compress(&c);
	jpeg_mem_dest(&c, out, length);
	configure(&c, wanted);
	jpeg_start_compress(&c, TRUE);
	while (c.next_scanline < c.image_height) {
		JSAMPROW row = (JSAMPROW) pixels + (size_t) c.next_scanline * wanted->width * wanted->components;

		jpeg_write_scanlines(&c, &row, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	return 0;
}

static void
give(j_compress_ptr c, jvirt_barray_ptr *arrays, const MlTurbo *wanted, const int16_t *blocks)
{
	for (int i = 0; i < wanted->components; i++) {
		int across = units(wanted->width, wanted->h) * (i ? 1 : wanted->h), down = units(wanted->height, wanted->v) * (i ? 1 : wanted->v);

		for (int y = 0; y < down; y++, blocks += (size_t) across * 64)
			memcpy(c->mem->access_virt_barray((j_common_ptr) c, arrays[i], y, 1, TRUE)[0], blocks, (size_t) across * sizeof(JBLOCK));
	}
}

int
ml_turbo_write(const int16_t *blocks, const MlTurbo *wanted, unsigned char **out, unsigned long *length)
{
	struct jpeg_compress_struct c;
	jvirt_barray_ptr arrays[3];
	Errors e;

	c.err = errors(&e);
	if (setjmp(e.failed)) {
		jpeg_destroy_compress(&c);
		return -1;
	}
	jpeg_create_compress(&c);
	jpeg_mem_dest(&c, out, length);
	configure(&c, wanted);
	for (int i = 0; i < wanted->components; i++) {
		int h = i ? 1 : wanted->h, v = i ? 1 : wanted->v;

		arrays[i] = c.mem->request_virt_barray((j_common_ptr) &c, JPOOL_IMAGE, TRUE, units(wanted->width, wanted->h) * h,
			units(wanted->height, wanted->v) * v, v);
	}
	jpeg_write_coefficients(&c, arrays);
	give(&c, arrays, wanted, blocks);
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	return 0;
}
