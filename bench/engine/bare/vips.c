// The shortest way that libvips offers to what the engine does; see loop.h.
#include "loop.h"
#include "vips.h"

#include <math.h>
#include <string.h>

#define BOX 512	  // the side of what images are fitted into
#define LEAVE 1.4 // how much is left to shrink after loading

static int
load(VipsSource *source, int shrink, VipsImage **out)
{
	return vips_jpegload_source(source, out, "access", VIPS_ACCESS_SEQUENTIAL,
		"fail_on", VIPS_FAIL_ON_ERROR, "shrink", shrink, NULL);
}

static int
plain(VipsSource *source, VipsImage **out)
{
	return load(source, 1, out);
}

static int
swap(VipsSource *source, VipsImage **out)
{
	const int order[3] = { 2, 1, 0 };
	VipsImage *in;

	if (load(source, 1, &in))
		return -1;
	if (ml_swap(in, out, order)) {
		g_object_unref(in);
		return -1;
	}
	g_object_set_data_full(G_OBJECT(*out), "in", in, g_object_unref); // it is read until then
	return 0;
}

static int
thumbnail(VipsSource *source, VipsImage **out)
{
	return vips_thumbnail_source(source, out, BOX, "height", BOX, "size", VIPS_SIZE_DOWN, NULL);
}

// fit is the engine's way: shrink more while loading than vips_thumbnail does.
static int
fit(VipsSource *source, VipsImage **out)
{
	VipsImage *in;
	double factor;
	int width, height, shrink, status;

	if (load(source, 1, &in))
		return -1;
	factor = VIPS_MAX(1, VIPS_MAX((double) in->Xsize / BOX, (double) in->Ysize / BOX));
	width = rint(in->Xsize / factor);
	height = rint(in->Ysize / factor);
	for (shrink = 8; shrink > 1 && factor / shrink < LEAVE;)
		shrink /= 2;
	if (shrink > 1) {
		g_object_unref(in);
		if (load(source, shrink, &in))
			return -1;
	}
	status = vips_resize(in, out, (double) width / in->Xsize, "vscale", (double) height / in->Ysize, NULL);
	g_object_unref(in);
	return status;
}

// jpeg samples chroma down, as cameras do; by itself it would not from quality 90 on.
static int
jpeg(VipsImage *in, VipsTarget *target, int quality)
{
	return vips_jpegsave_target(in, target, "Q", quality, "subsample_mode", VIPS_FOREIGN_SUBSAMPLE_ON, NULL);
}

// webp, avif and png are told the efforts that are asked of the engine.
static int
webp(VipsImage *in, VipsTarget *target, int quality)
{
	return vips_webpsave_target(in, target, "Q", quality, "effort", 4, NULL);
}

static int
avif(VipsImage *in, VipsTarget *target, int quality)
{
	return vips_heifsave_target(in, target, "compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "Q", quality, "effort", 1, "bitdepth", 8, NULL);
}

static int
png(VipsImage *in, VipsTarget *target, int quality)
{
	return vips_pngsave_target(in, target, "compression", 4, "filter", VIPS_FOREIGN_PNG_FILTER_ALL, NULL);
}

static const struct {
	const char *name;
	int (*develop)(VipsSource *, VipsImage **);
	int (*save)(VipsImage *, VipsTarget *, int);
} operations[] = {
	{ "swap", swap, jpeg },
	{ "fit", fit, jpeg },
	{ "thumbnail", thumbnail, jpeg },
	{ "webp", plain, webp },
	{ "avif", plain, avif },
	{ "png", plain, png },
};

static int
run(const char *name, int quality, const char *path, int output)
{
	VipsSource *source = vips_source_new_from_file(path);
	VipsTarget *target = vips_target_new_to_descriptor(output);
	VipsImage *out = NULL;
	int status = -1;

	for (size_t i = 0; i < G_N_ELEMENTS(operations); i++)
		if (strcmp(operations[i].name, name) == 0)
			status = source && target && !operations[i].develop(source, &out) &&
					!operations[i].save(out, target, quality)
				? 0
				: -1;
	VIPS_UNREF(out);
	VIPS_UNREF(target);
	VIPS_UNREF(source);
	return status;
}

const char *
develop(const char *operation, int quality, const char *path, int output)
{
	static char fault[256];

	if (run(operation, quality, path, output) == 0)
		return NULL;
	g_strlcpy(fault, vips_error_buffer(), sizeof(fault));
	vips_error_clear();
	return g_strdelimit(g_strchomp(fault), "\n", ' ');
}

int
prepare(void)
{
	if (vips_init("vips"))
		return -1;
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	return 0;
}
