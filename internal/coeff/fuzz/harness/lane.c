// A fuzz target for libFuzzer: an input is a JPEG and the ORDER_BYTES of an order.
//
// Whatever the input is, both kernels must do the same. What the lane takes,
// libjpeg must read without a complaint. What it makes, libjpeg and the lane must
// read, and its coefficients must be those of the source, laid and mapped by the
// plain code below, and those of the same order with optimal codes, for which
// nothing is carried over from the source.
#define _GNU_SOURCE
#include "order.h"
#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST_PIXELS (1 << 20) // what is larger is only read, by one kernel

#define DEMAND(what, ...) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "DEMAND %s: ", #what); \
			fprintf(stderr, __VA_ARGS__); \
			fputc('\n', stderr); \
			abort(); \
		} \
	} while (0)

typedef struct {
	int status, file;
	uint8_t *bytes;
	size_t length;
} Result;

static void
alter(Result *r, const MlHead *head, MlOrder order, int file, int portable)
{
	off_t end;

	DEMAND(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0, "the file cannot be emptied");
	order.file = file;
	order.portable = portable;
	r->status = ml_alter(head, &order);
	end = lseek(file, 0, SEEK_END);
	DEMAND(end <= order.limit, "%ld bytes for a limit of %ld", (long) end, (long) order.limit);
	DEMAND(r->status != ML_FILE, "writing to memory failed");
	r->length = r->status == ML_DONE ? end : 0;
	r->bytes = malloc(r->length + 1);
	DEMAND(pread(file, r->bytes, r->length, 0) == (ssize_t) r->length, "the file is short");
}

// source is the block of the source that comes to a place in the result, and says
// whether it is one of the image or fills a unit up.
static const int16_t *
source(const Reference *from, const MlHead *head, const MlOrder *o, int c, int x, int y, int *fills)
{
	const Component *p = &from->of[c];
	int h = c ? 1 : head->h, v = c ? 1 : head->v, across = o->across * h, down = o->down * v, sx, sy;

	if (o->flop)
		x = (o->transpose ? down : across) - 1 - x;
	if (o->flip)
		y = (o->transpose ? across : down) - 1 - y;
	sx = o->left * h + (o->transpose ? y : x);
	sy = o->top * v + (o->transpose ? x : y);
	*fills = sx >= p->real_across || sy >= p->real_down;
	return p->blocks + ((size_t) sy * p->across + sx) * 64;
}

typedef struct {
	double value, error; // how far rounding and floats may be off
	int unknown;	     // neighbours have a part in it, or colours that leave their range
} Wanted;

// wanted is a coefficient of the result, before it is turned.
static Wanted
wanted(const Reference *from, const MlHead *head, const MlOrder *o, int c, const int16_t *own, const int16_t *chroma[2], int k)
{
	const uint16_t *quant = o->requantise ? o->quant[c] : head->quant[c];
	const float *weights = c ? o->chroma[c - 1] : o->luma + 1;
	double x = 0, size = 0;
	Wanted w = { 0 };

	if (c == 0) {
		x = (double) o->luma[0] * own[k] * head->quant[0][k] + (k ? 0 : 8 * o->add);
		size = fabs(x);
		w.unknown = from->components > 1 && (weights[0] != 0 || weights[1] != 0) && (head->h > 1 || head->v > 1);
	}
	w.unknown |= o->clips;
	for (int i = 0; i < 2 && chroma[i]; i++) {
		double part = (double) weights[i] * chroma[i][k] * head->quant[1 + i][k];

		x += part;
		size += fabs(part);
	}
	w.value = fmax(fmin(x / quant[k], ML_LARGEST), -ML_LARGEST);
	w.error = 0.501 + size / quant[k] * 1e-6;
	return w;
}

static int
is_same(const MlHead *head, const MlOrder *o)
{
	static const float luma[3] = { 1, 0, 0 }, chroma[2][2] = { { 1, 0 }, { 0, 1 } };

	return memcmp(o->luma, luma, sizeof(luma)) == 0 && (memcmp(o->chroma, chroma, sizeof(chroma)) == 0 || o->grey || head->components == 1) &&
		o->add == 0 && !o->requantise;
}

static void
compare_block(const Reference *from, const Reference *to, const MlHead *head, const MlOrder *o, int same, int c, int x, int y)
{
	const Component *p = &to->of[c];
	const int16_t *own, *chroma[2] = { NULL }, *got = p->blocks + ((size_t) y * p->across + x) * 64;
	int fills;

	own = source(from, head, o, c, x, y, &fills);
	if (fills && head->scans)
		return; // what interleaved scans say of these is not kept
	for (int i = 0; i < 2 && from->components > 1 && (c > 0 || (head->h == 1 && head->v == 1)); i++)
		chroma[i] = source(from, head, o, 1 + i, x, y, &fills);
	for (int k = 0; k < 64; k++) {
		int u = k & 7, v = k >> 3, at = o->transpose ? u << 3 | v : k;
		int sign = ((o->flop & u) ^ (o->flip & v)) & 1 ? -1 : 1;
		Wanted w = { .value = own[at] };

		if (!same)
			w = wanted(from, head, o, c, own, chroma, at);
		DEMAND(w.unknown || fabs(got[k] - sign * w.value) <= w.error, "component %d, block %d, %d, coefficient %d: %d, not %g", c, x, y, k,
			got[k], sign * w.value);
	}
}

// compare compares all blocks of the result.
static void
compare(const Reference *from, const Reference *to, const MlHead *head, const MlOrder *o)
{
	int same = is_same(head, o);

	for (int c = 0; c < to->components; c++) {
		const Component *p = &to->of[c];
		int all = !to->progressive && to->components > 1;

		for (int k = 0; k < 64; k++) {
			int at = o->transpose ? (k & 7) << 3 | k >> 3 : k;
			int step = o->requantise ? o->quant[c][at] : from->of[c].quant[at];

			DEMAND(p->quant[k] == step, "component %d: step %d is %d, not %d", c, k, p->quant[k], step);
		}
		for (int y = 0; y < (all ? p->down : p->real_down); y++)
			for (int x = 0; x < (all ? p->across : p->real_across); x++)
				compare_block(from, to, head, o, same, c, x, y);
	}
}

// compare_optimal compares a result with what becomes of the same order with the best
// codes. Where luma is added to before it is rounded, halves may go another way.
static void
compare_optimal(const Reference *result, const MlHead *head, MlOrder o, int file)
{
	int halves = is_same(head, &o) ? 0 : 1;
	Reference other;
	Result r;

	o.optimal = 1;
	o.limit = 1 << 28;
	alter(&r, head, o, file, 0);
	DEMAND(r.status == ML_DONE, "with optimal codes it returns %d", r.status);
	reference_read(&other, r.bytes, r.length);
	DEMAND(!other.complaint[0], "libjpeg says of the one with optimal codes: %s", other.complaint);
	for (int c = 0; c < result->components; c++) {
		const Component *p = &result->of[c], *q = &other.of[c];

		for (size_t i = 0; i < (size_t) p->across * p->down * 64; i++)
			DEMAND(abs(p->blocks[i] - q->blocks[i]) <= (c == 0 ? halves : 0), "component %d, coefficient %zu: %d, with optimal codes %d", c, i,
				p->blocks[i], q->blocks[i]);
	}
	reference_free(&other);
	free(r.bytes);
}

// judge judges a result by libjpeg and by the lane itself.
static void
judge(const Reference *from, const MlHead *source_head, const MlOrder *o, const Result *result, int file)
{
	MlHead head;
	MlOrder same = { .luma = { 1 }, .chroma = { { 1, 0 }, { 0, 1 } }, .limit = 1 << 28 };
	Reference to;
	Result again;

	reference_read(&to, result->bytes, result->length);
	DEMAND(!to.complaint[0], "libjpeg says of the result: %s", to.complaint);
	DEMAND(to.width == o->width && to.height == o->height, "the result is of %d by %d pixels, not %d by %d", to.width, to.height, o->width, o->height);
	DEMAND(to.components == (o->grey ? 1 : from->components), "the result has %d components", to.components);
	DEMAND(to.restart == o->restart, "the restart interval is %d, not %d", to.restart, o->restart);
	compare(from, &to, source_head, o);
	if (!o->optimal && !to.progressive)
		compare_optimal(&to, source_head, *o, file);
	reference_free(&to);

	DEMAND(ml_head(result->bytes, result->length, &head) == ML_DONE, "the lane does not know its own head");
	same.width = head.width;
	same.height = head.height;
	same.across = ml_units(head.width, head.h);
	same.down = ml_units(head.height, head.v);
	alter(&again, &head, same, file, 0);
	DEMAND(again.status == ML_DONE, "the lane does not read its own result: %d", again.status);
	free(again.bytes);
}

static void
check(const uint8_t *data, size_t length, MlHead *head, const MlOrder *o, const int files[3])
{
	Reference from;
	Result fast, portable;

	alter(&fast, head, *o, files[0], 0);
	alter(&portable, head, *o, files[1], 1);
	DEMAND(fast.status == portable.status, "one kernel returns %d, the other one %d", fast.status, portable.status);
	DEMAND(fast.length == portable.length && memcmp(fast.bytes, portable.bytes, fast.length) == 0, "the kernels make different bytes");
	if (fast.status == ML_DONE) {
		reference_read(&from, data, length);
		DEMAND(!from.complaint[0], "libjpeg says of the source: %s", from.complaint);
		for (int c = 0; c < from.components; c++)
			memcpy(head->quant[c], from.of[c].quant, sizeof(head->quant[c])); // of several scans, the head has none
		judge(&from, head, o, &fast, files[2]);
		reference_free(&from);
	}
	free(fast.bytes);
	free(portable.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
	static int files[3] = { -1, -1, -1 };
	MlHead head;
	MlOrder order;
	Result large;

	for (int i = 0; i < 3; i++)
		if (files[i] < 0)
			files[i] = memfd_create("result", MFD_CLOEXEC);
	if (length < ORDER_BYTES)
		return -1;
	length -= ORDER_BYTES;
	if (ml_head(data, length, &head))
		return 0;
	order_make(&order, &head, data + length);
	if (head.width * (long) head.height <= MOST_PIXELS) {
		check(data, length, &head, &order, files);
		return 0;
	}
	alter(&large, &head, order, files[0], 0);
	free(large.bytes);
	return 0;
}
