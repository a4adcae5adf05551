// The C half of the binding: call any libvips operation by name. Everything
// returns 0 or a pointer when it went well; the reason is in libvips' error
// buffer otherwise.
#pragma once
#include <vips/vips.h>

// The exit status of a process whose allocation GLib could not serve.
#define ML_EXIT_MEMORY 86

int ml_init(void);

// What setting a property can lead to.
enum { ML_OK, ML_NO_PROPERTY, ML_BAD_TYPE };

VipsOperation *ml_operation(const char *name);
int ml_set_number(VipsOperation *op, const char *name, double value);
int ml_set_string(VipsOperation *op, const char *name, const char *value);
int ml_set_numbers(VipsOperation *op, const char *name, const double *values, int n);
int ml_set_images(VipsOperation *op, const char *name, VipsImage **images, int n);
int ml_set_object(VipsOperation *op, const char *name, void *object);
int ml_build(VipsOperation **op);
VipsImage *ml_image_of(VipsOperation *op, const char *name);
int ml_number_of(VipsOperation *op, const char *name, double *value);
void ml_free(VipsOperation *op);

VipsImage *ml_of_memory(const void *data, size_t size, int width, int height, int bands, int bytes);
int ml_drain(VipsImage *image);
int ml_rows(VipsImage *image);
int ml_swap(VipsImage *in, VipsImage **out, const int from[3]);

// A mix makes each channel of a pixel of all of them; see Mix and Tint in mix.go.
typedef struct {
	int rows;	      // channels made, of which the fourth is alpha
	double rows_of[4][5]; // factors of the source's channels, and what is added as a share of the full range
	int tinted;	      // instead of the matrix:
	double weights[3];    // of the brightness
	double tint[3];	      // distance of the colour from grey of its brightness, -1 to 1
	double above, below;  // one by the largest such distance upwards, and downwards
	double amount;
} MlMix;

// A sum that is a half exactly may come out a little less, and is rounded up.
#define ML_HALF (0.5 + 1e-9)

// ml_hold keeps a source until the image that is made of it goes.
void ml_hold(VipsImage *image, VipsImage *source);
int ml_mix(VipsImage *in, VipsImage **out, const MlMix *mix);

// A sink writes to a descriptor and never beyond its limit.
typedef struct {
	int fd;
	gint64 limit;
	gint64 position;
	int overflowed;
} MlSink;

// A reel is bytes to read, and how far they have been read at any time.
typedef struct {
	const guint8 *data;
	gint64 length;
	gint64 position;
	gint64 furthest;
	gint64 watch; // up to here it is read in small steps from a while before
} MlReel;

VipsSource *ml_source(const guint8 *data, gint64 length, gint64 watch, MlReel **reel);
VipsTarget *ml_target(MlSink *sink);
int ml_sink_write(MlSink *sink, const void *data, size_t length);

// How a JPEG is encoded; see JPEG in jpeg.go.
typedef struct {
	guint8 h[3], v[3], table[3]; // of each component
	guint16 tables[4][64];	     // in natural order
	int rgb, progressive;
	int restart;
	int jfif;
	guint16 version, x_density, y_density;
	guint8 unit;
} MlJPEG;

int ml_jpeg(VipsImage *in, MlSink *sink, const MlJPEG *how, const guint8 *segments, size_t length);
int ml_jpeg_check(const guint8 *data, size_t length);

char *ml_error(void);
