// Reading and writing coefficients with libjpeg-turbo. Whatever it warns about
// is not for this lane.
//
// Bounds: libjpeg keeps its own. Its arrays are as large as the header says, which
// ml_scans_read compares with ML_KEPT_MOST first; blocks are copied as many as
// both sides have.
#include "scans.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

typedef struct {
	struct jpeg_error_mgr manager;
	jmp_buf failed;
	int status;
} Errors;

// MOST_SCANS is libvips' limit too. A scan may be of a few bytes and change nothing,
// but takes as long as the image is large.
#define MOST_SCANS 100

struct MlScans {
	struct jpeg_decompress_struct d;
	struct jpeg_progress_mgr progress;
	Errors errors;
	jvirt_barray_ptr *arrays;
};

static void
fail(j_common_ptr j)
{
	Errors *e = (Errors *) j->err;

	if (e->status == ML_DONE)
		e->status = j->err->msg_code == JERR_OUT_OF_MEMORY ? ML_MEMORY : ML_STRANGE;
	longjmp(e->failed, 1);
}

static void
hear(j_common_ptr j, int level)
{
	if (level < 0)
		fail(j);
}

static void
watch(j_common_ptr j)
{
	if (((j_decompress_ptr) j)->input_scan_number > MOST_SCANS)
		fail(j);
}

static struct jpeg_error_mgr *
errors(Errors *e)
{
	jpeg_std_error(&e->manager);
	e->manager.error_exit = fail;
	e->manager.emit_message = hear;
	e->status = ML_DONE;
	return &e->manager;
}

// is_whole says that no scan is missing: decoders guess what it would have said.
static int
is_whole(j_decompress_ptr d)
{
	for (int c = 0; c < d->num_components && d->progressive_mode; c++)
		for (int k = 0; k < DCTSIZE2; k++)
			if (d->coef_bits[c][k] != 0)
				return 0;
	return 1;
}

// is_as_told says that libjpeg has found what the head says, and takes the steps.
static int
is_as_told(MlScans *s, MlHead *head)
{
	j_decompress_ptr d = &s->d;

	if ((int) d->image_width != head->width || (int) d->image_height != head->height || d->num_components != head->components ||
		d->jpeg_color_space != (head->components == 1 ? JCS_GRAYSCALE : JCS_YCbCr))
		return 0;
	for (int c = 0; c < head->components; c++) {
		const JQUANT_TBL *t = d->comp_info[c].quant_table;

		for (int k = 0; k < 64; k++) {
			if (!t || t->quantval[k] < 1 || t->quantval[k] > ML_MOST_QUANT)
				return 0;
			head->quant[c][k] = t->quantval[k];
		}
		head->table[c] = d->comp_info[c].quant_tbl_no;
	}
	return 1;
}

int
ml_scans_read(MlScans **out, MlHead *head)
{
	size_t units = (size_t) ((head->width + 8 * head->h - 1) / (8 * head->h)) * ((head->height + 8 * head->v - 1) / (8 * head->v));
	MlScans *s;

	if (units * (head->h * head->v + head->components - 1) * sizeof(JBLOCK) > ML_KEPT_MOST)
		return ML_STRANGE;
	if (!(s = *out = calloc(1, sizeof(*s))))
		return ML_MEMORY;
	s->d.err = errors(&s->errors);
	if (setjmp(s->errors.failed))
		return s->errors.status;
	jpeg_create_decompress(&s->d);
	s->progress.progress_monitor = watch;
	s->d.progress = &s->progress;
	jpeg_mem_src(&s->d, head->data, head->length);
	jpeg_read_header(&s->d, TRUE);
	s->arrays = jpeg_read_coefficients(&s->d);
	return is_whole(&s->d) && is_as_told(s, head) ? ML_DONE : ML_STRANGE;
}

void
ml_scans_free(MlScans *s)
{
	if (s)
		jpeg_destroy_decompress(&s->d);
	free(s);
}

// is_in_range says that all coefficients of a block have codes.
static int
is_in_range(const JCOEF *block)
{
	int least = 0, most = block[0];

	for (int k = 1; k < DCTSIZE2; k++) {
		least = block[k] < least ? block[k] : least;
		most = block[k] > most ? block[k] : most;
	}
	return block[0] >= ML_LEAST_DC && least >= -ML_LARGEST && most <= ML_LARGEST;
}

int
ml_scans_row(MlScans *s, const MlShape *shape, int row, int16_t *planes[ML_COMPONENTS])
{
	if (setjmp(s->errors.failed))
		return s->errors.status;
	for (int c = 0; c < shape->components; c++) {
		const jpeg_component_info *info = &s->d.comp_info[c];
		int h = c ? 1 : shape->h, v = c ? 1 : shape->v, across = shape->across * h;

		memset(planes[c], 0, (size_t) across * v * sizeof(JBLOCK));
		for (int y = 0; y < v && row * v + y < (int) info->height_in_blocks; y++) {
			JBLOCKARRAY rows = s->d.mem->access_virt_barray((j_common_ptr) &s->d, s->arrays[c], row * v + y, 1, FALSE);

			for (int x = 0; x < (int) info->width_in_blocks; x++)
				if (!is_in_range(rows[0][x]))
					return ML_STRANGE;
			memcpy(planes[c] + (size_t) y * across * 64, rows[0], info->width_in_blocks * sizeof(JBLOCK));
		}
	}
	return ML_DONE;
}

// Writing.

typedef struct {
	struct jpeg_compress_struct c;
	struct jpeg_destination_mgr destination;
	Errors errors;
	MlWriter *w;
	jvirt_barray_ptr arrays[ML_COMPONENTS];
	JOCTET bytes[65536];
} Encoder;

static void
start(j_compress_ptr c)
{
	Encoder *e = c->client_data;

	e->destination.next_output_byte = e->bytes;
	e->destination.free_in_buffer = sizeof(e->bytes);
}

static void
pass(Encoder *e, size_t length)
{
	e->errors.status = ml_bytes(e->w, e->bytes, length);
	if (e->errors.status)
		fail((j_common_ptr) &e->c);
}

static boolean
full(j_compress_ptr c)
{
	pass(c->client_data, sizeof(((Encoder *) 0)->bytes));
	start(c);
	return TRUE;
}

static void
end(j_compress_ptr c)
{
	Encoder *e = c->client_data;

	pass(e, sizeof(e->bytes) - e->destination.free_in_buffer);
}

static void
configure(Encoder *e, const MlHead *head, const MlOrder *o)
{
	j_compress_ptr c = &e->c;

	c->image_width = o->width;
	c->image_height = o->height;
	c->input_components = c->num_components = o->grey ? 1 : head->components;
	c->in_color_space = c->num_components == 1 ? JCS_GRAYSCALE : JCS_YCbCr;
	jpeg_set_defaults(c);
	jpeg_set_colorspace(c, c->in_color_space);
	c->write_JFIF_header = c->write_Adobe_marker = FALSE; // they are among the segments
	c->restart_interval = o->restart;
	for (int i = 0; i < c->num_components; i++) {
		jpeg_component_info *info = &c->comp_info[i];
		JQUANT_TBL **table = &c->quant_tbl_ptrs[o->table[i]];

		if (!*table)
			*table = jpeg_alloc_quant_table((j_common_ptr) c);
		for (int k = 0; k < 64; k++)
			(*table)->quantval[k] = o->quant[i][o->transpose ? (k & 7) << 3 | k >> 3 : k];
		info->quant_tbl_no = o->table[i];
		info->h_samp_factor = i || o->grey ? 1 : o->transpose ? head->v : head->h;
		info->v_samp_factor = i || o->grey ? 1 : o->transpose ? head->h : head->v;
		e->arrays[i] = c->mem->request_virt_barray((j_common_ptr) c, JPOOL_IMAGE, TRUE,
			ml_units(o->width, c->comp_info[0].h_samp_factor) * info->h_samp_factor,
			ml_units(o->height, c->comp_info[0].v_samp_factor) * info->v_samp_factor, info->v_samp_factor);
	}
	jpeg_simple_progression(c);
}

static void
write_segments(j_compress_ptr c, const uint8_t *p, size_t length)
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

static void
fill(Encoder *e, MlBlocks *blocks, void *data)
{
	for (int i = 0; i < e->c.num_components; i++) {
		const jpeg_component_info *info = &e->c.comp_info[i];

		for (int y = 0; y < (int) info->height_in_blocks; y++) {
			JBLOCKARRAY rows = e->c.mem->access_virt_barray((j_common_ptr) &e->c, e->arrays[i], y, 1, TRUE);

			for (int x = 0; x < (int) info->width_in_blocks; x++)
				memcpy(rows[0][x], blocks(data, i, x, y), sizeof(JBLOCK));
		}
	}
}

int
ml_scans_write(MlWriter *w, const MlHead *head, const MlOrder *order, MlBlocks *blocks, void *data)
{
	Encoder *e = calloc(1, sizeof(*e));
	int status = ML_MEMORY;

	if (!e)
		return status;
	e->w = w;
	e->c.err = errors(&e->errors);
	e->c.client_data = e;
	if (setjmp(e->errors.failed) == 0) {
		jpeg_create_compress(&e->c);
		e->destination.init_destination = start;
		e->destination.empty_output_buffer = full;
		e->destination.term_destination = end;
		e->c.dest = &e->destination;
		configure(e, head, order);
		jpeg_write_coefficients(&e->c, e->arrays);
		write_segments(&e->c, order->segments, order->length);
		fill(e, blocks, data);
		jpeg_finish_compress(&e->c);
	}
	status = e->errors.status;
	jpeg_destroy_compress(&e->c);
	free(e);
	return status;
}
