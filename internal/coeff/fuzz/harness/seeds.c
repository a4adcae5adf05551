// Writes JPEGs of every kind that the lane takes, of a picture:
//
//	seeds WIDTH HEIGHT PREFIX < red, green and blue bytes
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

typedef struct {
	const char *name;
	int quality;
	int restart;
	int optimal, progressive;
	int scans; // 1: of each component, 2: of each coefficient
} Kind;

static const Kind kinds[] = {
	{ "plain", 80, 0, 0, 0, 0 },
	{ "best", 100, 0, 0, 0, 0 },
	{ "worst", 1, 0, 0, 0, 0 }, // with steps of 16 bits
	{ "restart", 75, 1, 0, 0, 0 },
	{ "restarts", 90, 4, 1, 0, 0 },
	{ "optimal", 85, 0, 1, 0, 0 },
	{ "progressive", 98, 0, 1, 1, 0 },
	{ "progressive-restarts", 60, 3, 1, 1, 0 },
	{ "scans", 70, 0, 0, 0, 1 },
	{ "many-scans", 70, 0, 0, 0, 2 },
};

// Factors of luma; 0: grey.
static const int factors[][2] = { { 1, 1 }, { 2, 1 }, { 1, 2 }, { 2, 2 }, { 0, 0 } };

// script makes scans of each component, or of each coefficient.
static int
script(jpeg_scan_info *scans, int components, int kind)
{
	int n = 0;

	for (int c = 0; c < components; c++) {
		scans[n++] = (jpeg_scan_info) { 1, { c }, 0, kind == 1 ? 63 : 0, 0, 0 };
		for (int k = 1; kind == 2 && k < 64; k++)
			scans[n++] = (jpeg_scan_info) { 1, { c }, k, k, 0, 0 };
	}
	return n;
}

static void
configure(j_compress_ptr c, const Kind *kind, const int *factor, jpeg_scan_info *scans)
{
	jpeg_set_defaults(c);
	if (factor[0] == 0)
		jpeg_set_colorspace(c, JCS_GRAYSCALE);
	else {
		c->comp_info[0].h_samp_factor = factor[0];
		c->comp_info[0].v_samp_factor = factor[1];
	}
	jpeg_set_quality(c, kind->quality, FALSE);
	c->restart_interval = kind->restart;
	c->optimize_coding = kind->optimal;
	if (kind->progressive)
		jpeg_simple_progression(c);
	if (kind->scans) {
		c->num_scans = script(scans, c->num_components, kind->scans);
		c->scan_info = scans;
	}
}

static void
encode(unsigned char *rgb, int width, int height, const Kind *kind, const int *factor, FILE *to)
{
	struct jpeg_compress_struct c;
	struct jpeg_error_mgr errors;
	jpeg_scan_info scans[3 * 64];

	c.err = jpeg_std_error(&errors); // which exits
	jpeg_create_compress(&c);
	jpeg_stdio_dest(&c, to);
	c.image_width = width;
	c.image_height = height;
	c.input_components = 3;
	c.in_color_space = JCS_RGB;
	configure(&c, kind, factor, scans);
	jpeg_start_compress(&c, TRUE);
	while (c.next_scanline < c.image_height) {
		JSAMPROW row = rgb + (size_t) c.next_scanline * width * 3;

		jpeg_write_scanlines(&c, &row, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
}

int
main(int argc, char **argv)
{
	int width = argc == 4 ? atoi(argv[1]) : 0, height = width ? atoi(argv[2]) : 0;
	size_t size = (size_t) width * height * 3;
	unsigned char *rgb = malloc(size);

	if (!size || !rgb || fread(rgb, 1, size, stdin) != size)
		return 2;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (size_t f = 0; f < sizeof(factors) / sizeof(*factors); f++) {
			char path[4096];
			FILE *to;

			snprintf(path, sizeof(path), "%s-%s-%d%d.jpg", argv[3], kinds[k].name, factors[f][0], factors[f][1]);
			if (!(to = fopen(path, "wb")))
				return 2;
			encode(rgb, width, height, &kinds[k], factors[f], to);
			if (fclose(to))
				return 2;
		}
	free(rgb);
	return 0;
}
