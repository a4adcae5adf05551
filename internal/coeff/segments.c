// Writing a result's segments (T.81, annex B).
//
// Bounds: bodies are of fixed sizes, large enough for the most that may be in
// them: 64 steps of 2 bytes, 256 values, ML_COMPONENTS components.
#include "segments.h"

#include <string.h>

static int
write_segment(MlWriter *w, int mark, const uint8_t *body, int length)
{
	const uint8_t head[4] = { 0xff, mark, (length + 2) >> 8, (length + 2) & 255 };
	int status = ml_bytes(w, head, sizeof(head));

	return status ? status : ml_bytes(w, body, length);
}

static int
write_quant(MlWriter *w, int id, const uint16_t quant[64], int transpose)
{
	uint8_t body[129];
	int wide = 0, n = 1;

	for (int k = 0; k < 64; k++)
		wide |= quant[k] > 255;
	body[0] = wide << 4 | id;
	for (int k = 0; k < 64; k++) {
		int at = ml_natural[k], step = quant[transpose ? (at & 7) << 3 | at >> 3 : at];

		if (wide)
			body[n++] = step >> 8;
		body[n++] = step & 255;
	}
	return write_segment(w, 0xdb, body, n);
}

static int
write_codes(MlWriter *w, int id, const MlCodes *codes)
{
	uint8_t body[17 + 256];

	body[0] = id;
	memcpy(body + 1, codes->counts + 1, 16);
	memcpy(body + 17, codes->values, codes->size);
	return write_segment(w, 0xc4, body, 17 + codes->size);
}

static int
write_frame(MlWriter *w, const MlOrder *o, const MlShape *result)
{
	uint8_t body[6 + 3 * ML_COMPONENTS] = { 8, o->height >> 8, o->height & 255, o->width >> 8, o->width & 255, result->components };
	int wide = 0;

	for (int c = 0; c < result->components; c++) {
		uint8_t *p = body + 6 + 3 * c;

		p[0] = c + 1;
		p[1] = c ? 0x11 : result->h << 4 | result->v;
		p[2] = o->table[c];
		for (int k = 0; k < 64; k++)
			wide |= o->quant[c][k] > 255;
	}
	return write_segment(w, wide ? 0xc1 : 0xc0, body, 6 + 3 * result->components);
}

static int
write_scan(MlWriter *w, const MlOrder *o, const MlShape *result)
{
	uint8_t body[4 + 2 * ML_COMPONENTS] = { result->components }, interval[2] = { o->restart >> 8, o->restart & 255 };
	int n = 1 + 2 * result->components, status;

	for (int c = 0; c < result->components; c++) {
		body[1 + 2 * c] = c + 1;
		body[2 + 2 * c] = c ? 0x11 : 0;
	}
	body[n + 1] = 63;
	if (o->restart && (status = write_segment(w, 0xdd, interval, sizeof(interval))))
		return status;
	return write_segment(w, 0xda, body, n + 3);
}

int
ml_write_head(MlWriter *w, const MlOrder *o, const MlShape *result, const MlCodes codes[2][2])
{
	static const uint8_t start[2] = { 0xff, 0xd8 };
	int written = 0, status;

	if ((status = ml_bytes(w, start, sizeof(start))) || (status = ml_bytes(w, o->segments, o->length)))
		return status;
	for (int c = 0; c < result->components; c++) {
		if (written >> o->table[c] & 1)
			continue;
		if ((status = write_quant(w, o->table[c], o->quant[c], o->transpose)))
			return status;
		written |= 1 << o->table[c];
	}
	if ((status = write_frame(w, o, result)))
		return status;
	for (int i = 0; i < (result->components > 1 ? 2 : 1); i++)
		if ((status = write_codes(w, i, &codes[i][0])) || (status = write_codes(w, 0x10 | i, &codes[i][1])))
			return status;
	return write_scan(w, o, result);
}
