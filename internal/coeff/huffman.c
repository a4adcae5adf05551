// Making Huffman tables (T.81, annexes C, F.2.2.3 and K).
//
// Bounds: ml_decoder takes only tables whose codes of each length fit into that
// many bits, so an index made of a code's first ML_PEEK bits lies within fast, and
// their number is at most 256, as head.c has counted. ml_encoder and ml_passer are given
// such tables, or this file's own. ml_optimal handles 257 values, and its codes get
// no longer than 16 bits by the rule of figure K.3.
#include "huffman.h"

#include <stdlib.h>
#include <string.h>

// What the most used cameras and encoders have: tables K.3 to K.6.
const MlCodes ml_dc_codes[2] = {
	{ { 0, 0, 1, 5, 1, 1, 1, 1, 1, 1 }, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }, 12 },
	{ { 0, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }, 12 },
};

const MlCodes ml_ac_codes[2] = {
	{ { 0, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d },
		{ 0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
			0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
			0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
			0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
			0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
			0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
			0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
			0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
			0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
			0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
			0xf9, 0xfa },
		162 },
	{ { 0, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77 },
		{ 0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
			0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0,
			0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
			0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
			0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
			0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
			0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
			0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
			0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
			0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
			0xf9, 0xfa },
		162 },
};

#define MOST_SIZE 10	// bits of a coefficient of 8-bit samples (T.81, table F.2)
#define MOST_DC_SIZE 11 // and of a difference (F.1)

// entry is one of fast for a value and the bits that begin with its code.
static int32_t
entry(int value, int dc, int length, uint32_t bits)
{
	int run = dc ? 0 : value >> 4, size = dc ? value : value & 15, number;

	if (size > (dc ? MOST_DC_SIZE : MOST_SIZE) || length + size > ML_PEEK || (!dc && size == 0 && run != 0 && run != 15))
		return value << 8 | ML_ALONE | length;
	if (!dc && size == 0)
		return (run ? run : ML_BLOCK_ENDS) << 8 | length;
	number = bits >> (ML_PEEK - length - size) & ((1 << size) - 1);
	if (size && number < 1 << (size - 1))
		number += 1 - (1 << size);
	return (int32_t) ((uint32_t) number << 16 | run << 8 | (length + size));
}

int
ml_decoder(MlDecoder *d, const MlCodes *codes, int dc)
{
	int32_t code = 0;
	int k = 0;

	memset(d, 0, sizeof(*d));
	for (int i = 0; i < 1 << ML_PEEK; i++)
		d->fast[i] = ML_ALONE;
	memcpy(d->values, codes->values, sizeof(d->values));
	for (int l = 1; l <= 16; l++) {
		d->index[l] = k - code;
		for (int n = 0; n < codes->counts[l]; n++, k++, code++) {
			if (code >= (1 << l) - 1) // none is all ones
				return ML_STRANGE;
			if (dc && codes->values[k] > 15) // libjpeg refuses the table, even if the value is not used
				return ML_STRANGE;
			for (int32_t i = 0, most = l <= ML_PEEK ? 1 << (ML_PEEK - l) : 0; i < most; i++)
				d->fast[code * most + i] = entry(codes->values[k], dc, l, code * most + i);
		}
		d->beyond[l] = code << (16 - l);
		code <<= 1;
	}
	d->beyond[17] = 1 << 16;
	return ML_DONE;
}

// pair is an entry of MlPairs for such bits.
static uint64_t
pair(const MlDecoder *d, uint32_t bits)
{
	uint64_t number[2] = { 0 };
	int place[2] = { 0 }, used = 0, advance = 0, ends = 0;

	for (int n = 0; n < 2; n++) {
		int32_t e = d->fast[bits << used & ((1 << ML_PEEK) - 1)];
		int run = e >> 8 & 255;

		place[n] = advance;
		if (e & ML_ALONE || used + (e & 255) > ML_PEEK)
			break;
		used += e & 255;
		ends = run == ML_BLOCK_ENDS;
		if (ends)
			break;
		place[n] += run;
		number[n] = (uint16_t) (e >> 16);
		advance = place[n] + 1;
	}
	advance += ends ? ML_PAIR_END : used ? 0 : ML_PAIR_NONE;
	return number[1] << 48 | number[0] << 32 | (uint64_t) advance << 24 | place[1] << 16 | place[0] << 8 | used;
}

void
ml_pairs(MlPairs *p, const MlDecoder *d)
{
	for (uint32_t i = 0; i < 1 << ML_PEEK; i++)
		p->at[i] = pair(d, i);
}

// lone_codes gives value << 8 | bits for what begins with a code, else 0.
static void
lone_codes(const MlCodes *codes, uint16_t at[1 << ML_PASS])
{
	int code = 0, k = 0;

	memset(at, 0, (1 << ML_PASS) * sizeof(*at));
	for (int l = 1; l <= ML_PASS; l++, code <<= 1)
		for (int n = 0; n < codes->counts[l]; n++, k++, code++)
			for (int i = 0, most = 1 << (ML_PASS - l); i < most; i++)
				at[code * most + i] = codes->values[k] << 8 | l;
}

void
ml_passer(MlPasser *p, const MlCodes *codes)
{
	uint16_t lone[1 << ML_PASS];

	lone_codes(codes, lone);
	for (int i = 0; i < 1 << ML_PASS; i++) {
		int advance = 0, used = 0;

		while (advance < ML_PASS_END && used < ML_PASS) {
			int e = lone[i << used & ((1 << ML_PASS) - 1)], length = e & 255, run = e >> 12, size = e >> 8 & 15;

			if (length == 0 || used + length > ML_PASS || size > MOST_SIZE || (size == 0 && run != 0 && run != 15))
				break;
			used += length + size;
			advance += run == 0 && size == 0 ? ML_PASS_END : run + 1;
		}
		p->at[i] = (used ? advance : ML_PASS_NONE) << 5 | used;
	}
}

void
ml_encoder(MlEncoder *e, const MlCodes *codes)
{
	uint32_t code = 0;
	int k = 0;

	memset(e, 0, sizeof(*e));
	for (int l = 1; l <= 16; l++, code <<= 1)
		for (int i = 0; i < codes->counts[l]; i++, k++, code++)
			e->entry[codes->values[k]] = code << 8 | (l + (codes->values[k] & 15));
	for (int run = 0; run < 16; run++)
		for (int n = -ML_SMALL; n < ML_SMALL; n++) {
			int size = n ? 32 - __builtin_clz(abs(n)) : 0;
			uint32_t entry = e->entry[run << 4 | size], low = (n + (n >> 31)) & ((1 << size) - 1);

			e->small[run][n + ML_SMALL] = ((entry >> 8) << size | low) << 8 | (entry & 255);
		}
}

int
ml_is_complete(const MlCodes *codes)
{
	uint8_t there[256] = { 0 };

	for (int i = 0; i < codes->size; i++)
		there[codes->values[i]] = 1;
	for (int run = 0; run < 16; run++)
		for (int size = 1; size <= MOST_SIZE; size++)
			if (!there[run << 4 | size])
				return 0;
	return there[0x00] && there[0xf0];
}

#define SYMBOLS 257 // the values, and one whose code keeps all ones free

typedef struct {
	uint64_t often[SYMBOLS];
	int length[SYMBOLS], next[SYMBOLS]; // next: of the same branch, -1 for the last
} Tree;

// rarest is the branch that occurs least, the last one of equals, but not other.
static int
rarest(const Tree *t, int other)
{
	int least = -1;

	for (int i = 0; i < SYMBOLS; i++)
		if (t->often[i] && i != other && (least < 0 || t->often[i] <= t->often[least]))
			least = i;
	return least;
}

// longer makes all codes of a branch one bit longer and returns its last value.
static int
longer(Tree *t, int branch)
{
	for (;; branch = t->next[branch]) {
		t->length[branch]++;
		if (t->next[branch] < 0)
			return branch;
	}
}

// shorten moves codes of over 16 bits up (T.81, figure K.3).
static void
shorten(int count[SYMBOLS])
{
	for (int l = SYMBOLS - 1; l > 16; l--)
		while (count[l] > 0) {
			int j = l - 2;

			while (count[j] == 0)
				j--;
			count[l] -= 2;
			count[l - 1]++;
			count[j + 1] += 2;
			count[j]--;
		}
}

void
ml_optimal(MlCodes *codes, const uint32_t often[256])
{
	int count[SYMBOLS] = { 0 }, longest = 16, a, b;
	Tree t;

	memset(&t, 0, sizeof(t));
	memset(codes, 0, sizeof(*codes));
	for (int i = 0; i < SYMBOLS; i++) {
		t.often[i] = i < 256 ? often[i] : 1;
		t.next[i] = -1;
	}
	while ((a = rarest(&t, -1)) >= 0 && (b = rarest(&t, a)) >= 0) {
		t.often[b] += t.often[a];
		t.often[a] = 0;
		t.next[longer(&t, b)] = a;
		longer(&t, a);
	}
	for (int i = 0; i < SYMBOLS; i++)
		count[t.length[i]]++;
	count[0] = 0;
	shorten(count);
	while (count[longest] == 0)
		longest--;
	count[longest]--; // of the code that nothing has
	for (int l = 1; l <= 16; l++)
		codes->counts[l] = count[l];
	for (int l = 1; l < SYMBOLS; l++)
		for (int i = 0; i < 256; i++)
			if (t.length[i] == l)
				codes->values[codes->size++] = i;
}
