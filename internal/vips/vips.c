#include "vips.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

// GLib ends the process when an allocation fails. The status says why, where
// an abort would look like any other crash.
static void
on_fatal(const char *domain, GLogLevelFlags level, const char *message, void *data)
{
	if (message)
		(void) !write(STDERR_FILENO, message, strlen(message));
	_exit(ML_EXIT_MEMORY);
}

// Warnings of the libraries are about images, not about the process.
static void
on_warning(const char *domain, GLogLevelFlags level, const char *message, void *data)
{
}

int
ml_init(void)
{
	// Images that are not read in sequence are kept in memory, however large:
	// there is no disk for them.
	g_setenv("VIPS_DISC_THRESHOLD", "1000g", TRUE);
	if (vips_init("minilab-engine"))
		return -1;
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	vips_block_untrusted_set(TRUE);
	g_log_set_handler("GLib", G_LOG_LEVEL_ERROR | G_LOG_FLAG_FATAL, on_fatal, NULL);
	g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG, on_warning, NULL);
	return 0;
}

VipsOperation *
ml_operation(const char *name)
{
	return vips_operation_new(name);
}

static GParamSpec *
find(VipsOperation *op, const char *name)
{
	return g_object_class_find_property(G_OBJECT_GET_CLASS(op), name);
}

static int
set(VipsOperation *op, const char *name, GValue *value)
{
	g_object_set_property(G_OBJECT(op), name, value);
	g_value_unset(value);
	return ML_OK;
}

int
ml_set_number(VipsOperation *op, const char *name, double number)
{
	GParamSpec *spec = find(op, name);
	GValue value = G_VALUE_INIT;

	if (!spec)
		return ML_NO_PROPERTY;
	g_value_init(&value, G_PARAM_SPEC_VALUE_TYPE(spec));
	switch (G_TYPE_FUNDAMENTAL(G_PARAM_SPEC_VALUE_TYPE(spec))) {
	case G_TYPE_INT:
		g_value_set_int(&value, (int) number);
		break;
	case G_TYPE_BOOLEAN:
		g_value_set_boolean(&value, number != 0);
		break;
	case G_TYPE_FLAGS:
		g_value_set_flags(&value, (guint) number);
		break;
	case G_TYPE_DOUBLE:
		g_value_set_double(&value, number);
		break;
	default:
		g_value_unset(&value);
		return ML_BAD_TYPE;
	}
	return set(op, name, &value);
}

int
ml_set_string(VipsOperation *op, const char *name, const char *text)
{
	GParamSpec *spec = find(op, name);
	GValue value = G_VALUE_INIT;
	GType type;
	VipsInterpolate *interpolate;
	int number;

	if (!spec)
		return ML_NO_PROPERTY;
	type = G_PARAM_SPEC_VALUE_TYPE(spec);
	g_value_init(&value, type);
	switch (G_TYPE_FUNDAMENTAL(type)) {
	case G_TYPE_STRING:
		g_value_set_string(&value, text);
		break;
	case G_TYPE_ENUM:
		if ((number = vips_enum_from_nick("minilab", type, text)) < 0)
			goto bad;
		g_value_set_enum(&value, number);
		break;
	case G_TYPE_OBJECT:
		if (type != VIPS_TYPE_INTERPOLATE || !(interpolate = vips_interpolate_new(text)))
			goto bad;
		g_value_take_object(&value, interpolate);
		break;
	default:
		goto bad;
	}
	return set(op, name, &value);

bad:
	g_value_unset(&value);
	return ML_BAD_TYPE;
}

int
ml_set_numbers(VipsOperation *op, const char *name, const double *values, int n)
{
	GParamSpec *spec = find(op, name);
	VipsArrayDouble *array;
	VipsArrayInt *ints;
	int *whole;

	if (!spec)
		return ML_NO_PROPERTY;
	if (G_PARAM_SPEC_VALUE_TYPE(spec) == VIPS_TYPE_ARRAY_INT) {
		whole = g_new(int, n);
		for (int i = 0; i < n; i++)
			whole[i] = (int) values[i];
		ints = vips_array_int_new(whole, n);
		g_free(whole);
		g_object_set(op, name, ints, NULL);
		vips_area_unref(VIPS_AREA(ints));
		return ML_OK;
	}
	if (G_PARAM_SPEC_VALUE_TYPE(spec) != VIPS_TYPE_ARRAY_DOUBLE)
		return ML_BAD_TYPE;
	array = vips_array_double_new(values, n);
	g_object_set(op, name, array, NULL);
	vips_area_unref(VIPS_AREA(array));
	return ML_OK;
}

int
ml_set_images(VipsOperation *op, const char *name, VipsImage **images, int n)
{
	GParamSpec *spec = find(op, name);
	VipsArrayImage *array;

	if (!spec)
		return ML_NO_PROPERTY;
	if (G_PARAM_SPEC_VALUE_TYPE(spec) != VIPS_TYPE_ARRAY_IMAGE)
		return ML_BAD_TYPE;
	array = vips_array_image_new(images, n);
	g_object_set(op, name, array, NULL);
	vips_area_unref(VIPS_AREA(array));
	return ML_OK;
}

int
ml_set_object(VipsOperation *op, const char *name, void *object)
{
	if (!find(op, name))
		return ML_NO_PROPERTY;
	g_object_set(op, name, object, NULL);
	return ML_OK;
}

int
ml_build(VipsOperation **op)
{
	return vips_cache_operation_buildp(op);
}

VipsImage *
ml_image_of(VipsOperation *op, const char *name)
{
	VipsImage *image = NULL;

	g_object_get(op, name, &image, NULL);
	return image;
}

// ml_number_of reads an output that is a number.
int
ml_number_of(VipsOperation *op, const char *name, double *number)
{
	GParamSpec *spec = find(op, name);
	GValue value = G_VALUE_INIT;

	if (!spec)
		return ML_NO_PROPERTY;
	g_value_init(&value, G_PARAM_SPEC_VALUE_TYPE(spec));
	g_object_get_property(G_OBJECT(op), name, &value);
	if (G_VALUE_HOLDS_INT(&value))
		*number = g_value_get_int(&value);
	else if (G_VALUE_HOLDS_DOUBLE(&value))
		*number = g_value_get_double(&value);
	else if (G_VALUE_HOLDS_BOOLEAN(&value))
		*number = g_value_get_boolean(&value);
	else
		*number = NAN;
	g_value_unset(&value);
	return isnan(*number) ? ML_BAD_TYPE : ML_OK;
}

void
ml_free(VipsOperation *op)
{
	vips_object_unref_outputs(VIPS_OBJECT(op));
	g_object_unref(op);
}

// ml_of_memory copies pixels: bands of 1, 2 (unsigned) or 4 (float) bytes.
VipsImage *
ml_of_memory(const void *data, size_t size, int width, int height, int bands, int bytes)
{
	VipsBandFormat format = bytes == 1 ? VIPS_FORMAT_UCHAR : bytes == 2 ? VIPS_FORMAT_USHORT : VIPS_FORMAT_FLOAT;

	return vips_image_new_from_memory_copy(data, size, width, height, bands, format);
}

static int
ignore(VipsRegion *region, void *seq, void *a, void *b, gboolean *stop)
{
	return 0;
}

// ml_drain computes every pixel and keeps none: it finds out whether they can
// all be decoded.
int
ml_drain(VipsImage *image)
{
	return vips_sink(image, NULL, ignore, NULL, NULL, NULL);
}

// ml_rows is how many rows can be computed before the first that cannot.
int
ml_rows(VipsImage *image)
{
	int rows = 0;

	// In strips of few rows: what comes with a row that fails is not had.
	for (int top = 0; top < image->Ysize; top += 16) {
		VipsImage *strip;
		int failed = vips_extract_area(image, &strip, 0, top, image->Xsize, VIPS_MIN(16, image->Ysize - top), NULL);

		if (failed)
			break;
		failed = vips_sink(strip, NULL, ignore, NULL, NULL, NULL);
		g_object_unref(strip);
		if (failed)
			break;
		rows = VIPS_MIN(top + 16, image->Ysize);
	}
	return rows;
}

static gint64
reel_read(VipsSourceCustom *source, void *buffer, gint64 length, MlReel *reel)
{
	gint64 slow = reel->watch - 8192; // more than loaders read at once

	length = VIPS_MIN(length, reel->length - reel->position);
	if (reel->position < slow)
		length = VIPS_MIN(length, slow - reel->position);
	else if (reel->position < reel->watch)
		length = VIPS_MIN(length, 64);
	memcpy(buffer, reel->data + reel->position, length);
	reel->position += length;
	reel->furthest = VIPS_MAX(reel->furthest, reel->position);
	return length;
}

static gint64
reel_seek(VipsSourceCustom *source, gint64 offset, int whence, MlReel *reel)
{
	if (whence == SEEK_CUR)
		offset += reel->position;
	else if (whence == SEEK_END)
		offset += reel->length;
	if (offset < 0 || offset > reel->length)
		return -1;
	return reel->position = offset;
}

static void
reel_free(gpointer reel, GClosure *closure)
{
	g_free(reel);
}

// ml_source reads the bytes; the reel lives as long as the source.
VipsSource *
ml_source(const guint8 *data, gint64 length, gint64 watch, MlReel **reel)
{
	VipsSourceCustom *source = vips_source_custom_new();

	*reel = g_new0(MlReel, 1);
	(*reel)->data = data;
	(*reel)->length = length;
	(*reel)->watch = watch;
	g_signal_connect(source, "seek", G_CALLBACK(reel_seek), *reel);
	g_signal_connect_data(source, "read", G_CALLBACK(reel_read), *reel, reel_free, 0);
	return VIPS_SOURCE(source);
}

static gint64
sink_write(VipsTargetCustom *target, const void *data, gint64 length, MlSink *sink)
{
	ssize_t n;

	if (length > sink->limit - sink->position) {
		sink->overflowed = 1;
		errno = EFBIG;
		return -1;
	}
	do
		n = pwrite(sink->fd, data, length, sink->position);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		sink->position += n;
	return n;
}

// ml_sink_write writes all of the data.
int
ml_sink_write(MlSink *sink, const void *data, size_t length)
{
	const char *p = data;

	while (length > 0) {
		gint64 n = sink_write(NULL, p, length, sink);

		if (n <= 0)
			return -1;
		p += n;
		length -= n;
	}
	return 0;
}

static gint64
sink_read(VipsTargetCustom *target, void *data, gint64 length, MlSink *sink)
{
	ssize_t n;

	do
		n = pread(sink->fd, data, length, sink->position);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		sink->position += n;
	return n;
}

static gint64
sink_seek(VipsTargetCustom *target, gint64 offset, int whence, MlSink *sink)
{
	gint64 position = offset;

	if (whence == SEEK_CUR)
		position += sink->position;
	else if (whence == SEEK_END)
		position += lseek(sink->fd, 0, SEEK_END);
	if (position < 0 || position > sink->limit) {
		sink->overflowed |= position > 0;
		return -1;
	}
	return sink->position = position;
}

VipsTarget *
ml_target(MlSink *sink)
{
	VipsTargetCustom *target = vips_target_custom_new();

	g_signal_connect(target, "write", G_CALLBACK(sink_write), sink);
	g_signal_connect(target, "read", G_CALLBACK(sink_read), sink);
	g_signal_connect(target, "seek", G_CALLBACK(sink_seek), sink);
	return VIPS_TARGET(target);
}

// ml_error takes the error buffer, which is one for the whole process.
char *
ml_error(void)
{
	return vips_error_buffer_copy();
}
