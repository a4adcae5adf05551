// Reading the segments of a JPEG up to its first scan (T.81, annex B).
//
// Bounds: all bytes are read through a Cursor. take gives a segment only if all
// of it lies within the data, byte and word give 0 behind a cursor's end, and
// whoever copies asks left() first. Indexes that come from the data (of tables, of
// components) are masked or compared before they are used.
#include "coeff.h"

#include <string.h>

const uint8_t ml_natural[64] = {
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63
};

const uint8_t ml_zigzag[64] = {
	0, 1, 5, 6, 14, 15, 27, 28, 2, 4, 7, 13, 16, 26, 29, 42,
	3, 8, 12, 17, 25, 30, 41, 43, 9, 11, 18, 24, 31, 40, 44, 53,
	10, 19, 23, 32, 39, 45, 52, 54, 20, 22, 33, 38, 46, 51, 55, 60,
	21, 34, 37, 47, 50, 56, 59, 61, 35, 36, 48, 49, 57, 58, 62, 63
};

typedef struct {
	const uint8_t *p, *end;
} Cursor;

static size_t
left(const Cursor *c)
{
	return c->end - c->p;
}

static int
byte(Cursor *c)
{
	return c->p < c->end ? *c->p++ : 0;
}

static int
word(Cursor *c)
{
	int high = byte(c);

	return high << 8 | byte(c);
}

// take gives the body of the segment that begins at c.
static int
take(Cursor *c, Cursor *body)
{
	size_t size;

	if (left(c) < 2)
		return ML_STRANGE;
	size = word(c);
	if (size < 2 || size - 2 > left(c))
		return ML_STRANGE;
	body->p = c->p;
	c->p += size - 2;
	body->end = c->p;
	return ML_DONE;
}

// Tables are what the segments have defined so far, by their numbers.
typedef struct {
	uint16_t quant[4][64];
	MlCodes dc[4], ac[4];
	int ids[ML_COMPONENTS];
	int jfif, adobe, transform;
} Tables;

static int
read_quant(Cursor *s, Tables *t)
{
	while (left(s) > 0) {
		int kind = byte(s), wide = kind >> 4;
		uint16_t *quant = t->quant[kind & 3];

		if (kind & 0xec || left(s) < (wide ? 128 : 64))
			return ML_STRANGE;
		for (int k = 0; k < 64; k++)
			quant[ml_natural[k]] = wide ? word(s) : byte(s);
	}
	return ML_DONE;
}

static int
read_codes(Cursor *s, Tables *t)
{
	while (left(s) > 0) {
		int kind = byte(s);
		MlCodes *codes = (kind & 0x10 ? t->ac : t->dc) + (kind & 3);

		if (kind & 0xec || left(s) < 16)
			return ML_STRANGE;
		memset(codes, 0, sizeof(*codes));
		for (int l = 1; l <= 16; l++) {
			codes->counts[l] = byte(s);
			codes->size += codes->counts[l];
		}
		if (codes->size < 1 || codes->size > 256 || left(s) < (size_t) codes->size)
			return ML_STRANGE;
		for (int i = 0; i < codes->size; i++)
			codes->values[i] = byte(s);
	}
	return ML_DONE;
}

static int
read_frame(Cursor *s, int mark, MlHead *head, Tables *t)
{
	if (head->components || left(s) < 6 || byte(s) != 8)
		return ML_STRANGE;
	head->progressive = mark == 0xc2;
	head->height = word(s);
	head->width = word(s);
	head->components = byte(s);
	if (!head->width || !head->height || head->width > ML_MOST_SIDE || head->height > ML_MOST_SIDE)
		return ML_STRANGE;
	if ((head->components != 1 && head->components != 3) || left(s) != 3 * (size_t) head->components)
		return ML_STRANGE;
	for (int i = 0; i < head->components; i++) {
		int factors;

		t->ids[i] = byte(s);
		factors = byte(s);
		head->table[i] = byte(s);
		if (head->table[i] > 3)
			return ML_STRANGE;
		if (i == 0) {
			head->h = factors >> 4;
			head->v = factors & 15;
		}
		else if (factors != 0x11)
			return ML_STRANGE;
	}
	if (head->components == 1 && head->h >= 1 && head->h <= 4 && head->v >= 1 && head->v <= 4)
		head->h = head->v = 1; // of one component the factors mean nothing, but must be some
	if (head->h < 1 || head->h > 2 || head->v < 1 || head->v > 2)
		return ML_STRANGE;
	if (head->components == 3 && (t->ids[0] == t->ids[1] || t->ids[0] == t->ids[2] || t->ids[1] == t->ids[2]))
		return ML_STRANGE;
	return ML_DONE;
}

static void
read_application(Cursor *s, int mark, Tables *t)
{
	if (mark == 0xe0 && left(s) >= 14 && memcmp(s->p, "JFIF", 5) == 0)
		t->jfif = 1;
	if (mark == 0xee && left(s) >= 12 && memcmp(s->p, "Adobe", 5) == 0) {
		t->adobe = 1;
		t->transform = s->p[11];
	}
}

// are_luma_and_chroma judges what three components are, as libjpeg does.
static int
are_luma_and_chroma(const Tables *t)
{
	if (t->jfif)
		return 1;
	if (t->adobe)
		return t->transform == 1;
	return t->ids[0] != 'R' || t->ids[1] != 'G' || t->ids[2] != 'B';
}

// assign gives each component its quantisation table.
static int
assign(MlHead *head, const Tables *t)
{
	for (int i = 0; i < head->components; i++) {
		const uint16_t *quant = t->quant[head->table[i]];

		for (int k = 0; k < 64; k++)
			if (quant[k] < 1 || quant[k] > ML_MOST_QUANT)
				return ML_STRANGE;
		memcpy(head->quant[i], quant, sizeof(head->quant[i]));
	}
	return ML_DONE;
}

static int
read_scan(Cursor *s, MlHead *head, const Tables *t)
{
	int components = byte(s);

	if (!head->components || (head->components == 3 && !are_luma_and_chroma(t)))
		return ML_STRANGE;
	if (head->progressive || components != head->components) {
		head->scans = 1; // whose tables may come later
		return ML_DONE;
	}
	if (left(s) != 2 * (size_t) components + 3)
		return ML_STRANGE;
	for (int i = 0; i < components; i++) {
		int id = byte(s), codes = byte(s);

		if (id != t->ids[i] || codes & 0xcc)
			return ML_STRANGE;
		head->dc[i] = t->dc[codes >> 4];
		head->ac[i] = t->ac[codes & 3];
		if (!head->dc[i].size || !head->ac[i].size)
			return ML_STRANGE;
	}
	if (byte(s) != 0 || byte(s) != 63 || byte(s) != 0)
		return ML_STRANGE;
	return assign(head, t);
}

// read_segment reads one that is no scan.
static int
read_segment(Cursor *s, int mark, MlHead *head, Tables *t)
{
	switch (mark) {
	case 0xdb:
		return read_quant(s, t);
	case 0xc4:
		return read_codes(s, t);
	case 0xc0:
	case 0xc1:
	case 0xc2:
		return read_frame(s, mark, head, t);
	case 0xdd:
		if (left(s) != 2)
			return ML_STRANGE;
		head->restart = word(s);
		return ML_DONE;
	}
	if ((mark & 0xf0) == 0xe0 || mark == 0xfe) {
		read_application(s, mark, t);
		return ML_DONE;
	}
	return ML_STRANGE; // other frames, arithmetic codes, what is reserved
}

int
ml_head(const uint8_t *data, size_t length, MlHead *head)
{
	Cursor c = { data, data + length }, body;
	Tables t;
	int mark;

	memset(head, 0, sizeof(*head));
	memset(&t, 0, sizeof(t));
	if (word(&c) != 0xffd8)
		return ML_STRANGE;
	for (;;) {
		if (byte(&c) != 0xff)
			return ML_STRANGE;
		do
			mark = byte(&c);
		while (mark == 0xff); // fill bytes
		if (take(&c, &body))
			return ML_STRANGE;
		if (mark == 0xda)
			break;
		if (read_segment(&body, mark, head, &t))
			return ML_STRANGE;
	}
	head->data = data;
	head->length = length;
	head->scan = c.p - data;
	return read_scan(&body, head, &t);
}
