#include "reference.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

typedef struct {
	struct jpeg_error_mgr manager;
	jmp_buf failed;
	Reference *r;
} Errors;

static void
fail(j_common_ptr j)
{
	Errors *e = (Errors *) j->err;

	j->err->format_message(j, e->r->complaint);
	longjmp(e->failed, 1);
}

// hear fails at warnings, but for those of the version in the JFIF segment and
// of Adobe's transformations, which say nothing of the data.
static void
hear(j_common_ptr j, int level)
{
	if (level < 0 && j->err->msg_code != JWRN_JFIF_MAJOR && j->err->msg_code != JWRN_ADOBE_XFORM)
		fail(j);
}

static int
rounded(int n, int to)
{
	return (n + to - 1) / to * to;
}

static void
copy(j_decompress_ptr d, jvirt_barray_ptr array, const jpeg_component_info *info, Component *c)
{
	c->real_across = info->width_in_blocks;
	c->real_down = info->height_in_blocks;
	c->across = rounded(c->real_across, info->h_samp_factor);
	c->down = rounded(c->real_down, info->v_samp_factor);
	c->blocks = calloc((size_t) c->across * c->down, sizeof(JBLOCK));
	for (int k = 0; k < 64; k++)
		c->quant[k] = info->quant_table ? info->quant_table->quantval[k] : 0;
	for (int y = 0; y < c->down; y++) {
		JBLOCKARRAY row = d->mem->access_virt_barray((j_common_ptr) d, array, y, 1, FALSE);

		memcpy(c->blocks + (size_t) y * c->across * 64, row[0], c->across * sizeof(JBLOCK));
	}
}

// find_fault finds what libjpeg takes without a warning, but the lane should not.
static const char *
find_fault(j_decompress_ptr d)
{
	if (d->input_scan_number > 100)
		return "more scans than anybody needs";
	for (int c = 0; c < d->num_components && d->progressive_mode; c++)
		for (int k = 0; k < DCTSIZE2; k++)
			if (d->coef_bits[c][k] != 0)
				return "scans are missing, which decoders make up for";
	return "";
}

static void
read_all(j_decompress_ptr d, Reference *r, const uint8_t *data, size_t length)
{
	jvirt_barray_ptr *arrays;

	jpeg_mem_src(d, data, length);
	jpeg_read_header(d, TRUE);
	if (d->num_components > ML_COMPONENTS)
		return;
	arrays = jpeg_read_coefficients(d);
	strcpy(r->complaint, find_fault(d));
	r->width = d->image_width;
	r->height = d->image_height;
	r->components = d->num_components;
	r->restart = d->restart_interval;
	r->progressive = d->progressive_mode;
	for (int c = 0; c < r->components; c++)
		copy(d, arrays[c], &d->comp_info[c], &r->of[c]);
}

void
reference_read(Reference *r, const uint8_t *data, size_t length)
{
	struct jpeg_decompress_struct d;
	Errors e;

	memset(r, 0, sizeof(*r));
	e.r = r;
	d.err = jpeg_std_error(&e.manager);
	e.manager.error_exit = fail;
	e.manager.emit_message = hear;
	if (setjmp(e.failed) == 0) {
		jpeg_create_decompress(&d);
		read_all(&d, r, data, length);
	}
	jpeg_destroy_decompress(&d);
}

void
reference_free(Reference *r)
{
	for (int c = 0; c < ML_COMPONENTS; c++)
		free(r->of[c].blocks);
}
