// What a lane spends its time with. kernel_body.h is compiled twice (avx2.c,
// portable.c) from vectors that the compiler knows, so both do the same in the same
// order, without fused multiplications, and give the same bytes.
#ifndef ML_KERNEL_H
#define ML_KERNEL_H

#include "huffman.h"
#include "reader.h"

typedef float MlVector __attribute__((vector_size(32)));

// Coefficients are planes of blocks of 64 in natural order; the blocks of a row
// lie one behind the other, then come those of the row below.

// MlShape is how components are sampled.
typedef struct {
	int components, h, v;
	int across; // units in a row
} MlShape;

// MlCarried is a block whose codes are there already: those of the source, which are
// carried over but for the first coefficient and for those up to the last one that
// changes, or those of a result that is turned. A block that is altered as pixels has none.
typedef struct {
	uint64_t place; // of the codes behind the first coefficient, in bits
	uint32_t bits;	// of them
	int32_t first;	// coefficient
} MlCarried;

#define ML_UNCARRIED UINT32_MAX // its bits if it is not carried after all

// MlColours is a map of coefficients, with the steps of source and result in it.
// Luma becomes luma * own + shared, where shared is what the chroma adds.
typedef struct {
	MlVector own[8];	// by row of a block
	MlVector unscale[8];	// 1 / step of the result's luma
	MlVector shared[2][8];	// by component of chroma: its steps times its share in luma
	MlVector back[2][8];	// the same by component of the result, if some of it comes from there
	MlVector cross[2][2][8]; // by component of the result and of the source
	MlVector add;		// to the first row of luma
	int grey, shares, returns; // no chroma is made; luma gets something of it; back is used
	int mixes;		   // something gets something of another component
} MlColours;

// MlBits is where bits are written to, see writer.h.
typedef struct {
	uint8_t *p;
	uint64_t bits; // the first count are not in p yet, the others are 0
	int count;     // below 8
} MlBits;

// MlPlaces says, for each row of a block, at which places of the zigzag the
// coefficients lie whose bits are set.
typedef struct {
	uint64_t of[8][256];
} MlPlaces;

// MlCoder is what the result is coded with.
typedef struct {
	MlEncoder codes[2][2]; // of luma and of chroma
	MlPlaces places;
	int dc[ML_COMPONENTS]; // first coefficients of the last blocks
} MlCoder;

// MlPlane is a component's blocks, row by row.
typedef struct {
	int16_t *blocks;
	int across, down;
	size_t line; // blocks from a row's start to the next one's
	int h, v;    // blocks of a unit
	const MlCarried *carried; // or NULL; blocks are then what luma makes, or NULL
} MlPlane;

// MlRange is the least and the largest of some samples.
typedef struct {
	float low, high;
} MlRange;

// MlReach is how far samples are at most from a block's mean, by its coefficients.
typedef struct {
	int16_t weights[64]; // each one's share in units, rounded up; the first has none
	float unit;
	float first; // the first coefficient's share in the mean
} __attribute__((aligned(32))) MlReach;

// MlClip is what is needed where colours leave their range. Colours are less 128.
typedef struct {
	MlVector scale[ML_COMPONENTS][8];   // the source's steps, scaled for the transform
	MlVector unscale[ML_COMPONENTS][8]; // 1 / those of the result, scaled
	MlReach reach[ML_COMPONENTS];	    // of the source's coefficients
	float colours[3][3];		    // red, green and blue of luma and chroma
	float made[3][4];		    // the result's luma and chroma of the source's red, green and blue, and 1; of the result's, if leads
	float rgb[3][4];		    // the result's colours of the source's, and 1
	int leads;			    // colours that are in range may lead out of it, so all pixels are looked at
	float chroma[2][2];		    // the map of chroma
	int grey;			    // no chroma is made
} MlClip;

// MlSamples are a row of chroma: of each unit both components' blocks, the ranges that
// they are known to be in, and, of those that are decoded, the samples.
typedef struct {
	int16_t *blocks;
	MlRange *range;
	MlVector *at;
	uint8_t *decoded;
} MlSamples;

typedef struct {
	// read reads a row of units. Components that are carried it only passes over, unless
	// the reader is to do both.
	int (*read)(MlReader *r, const MlShape *shape, int16_t *planes[ML_COMPONENTS], MlCarried *carried[ML_COMPONENTS]);
	// chroma maps a row of both components, and gives what they add to luma.
	void (*chroma)(const MlColours *c, int blocks, int16_t *cb, int16_t *cr, MlVector *shared);
	// luma maps a row of units. The rows of shared are those above, at, and below it,
	// and may be NULL at the image's edges; lines has room for 2 vectors a unit. If luma
	// is carried, y gets first coefficients, and of the others what is added to them.
	void (*luma)(const MlColours *c, const MlShape *shape, int16_t *y, const MlCarried *carried, const MlVector *shared[3], MlVector *lines);
	// samples takes a row of both components of chroma.
	void (*samples)(const MlClip *c, int blocks, const int16_t *const chroma[2], const MlSamples *samples);
	// clip alters the blocks of a row in which colours leave their range, before the
	// maps have. It gets the samples of the rows above, at and below, which may be
	// NULL at the image's edges, decodes those that it needs, and sets a bit for each block of luma that it made.
	void (*clip)(const MlClip *c, const MlShape *shape, int16_t *const planes[ML_COMPONENTS], const MlSamples *const chroma[3],
		int16_t *const made[ML_COMPONENTS], uint8_t *clipped);
	// lay lays a block as the result is.
	void (*lay)(const MlOrder *o, const int16_t *from, int16_t *to);
	// write writes a component's block.
	void (*write)(MlBits *w, MlCoder *coder, int component, const int16_t *block);
	// keep lays some of a component's blocks as the result is, and writes of each what is
	// behind its first coefficient. Places count from a byte on.
	void (*keep)(MlBits *w, const uint8_t *from, const MlCoder *coder, int component, const MlOrder *o, const int16_t *blocks, int count,
		MlCarried *kept, long step);
	// write_units writes some units of a row, from planes that are as the result is.
	// What is carried comes from such bytes. What of it changes comes from the reader.
	void (*write_units)(MlBits *w, MlCoder *coder, const MlBytes *bytes, const MlReader *r, const MlShape *shape,
		const MlPlane planes[ML_COMPONENTS], int row, int from, int to);
} MlKernel;

extern const MlKernel ml_portable;
#if defined(__x86_64__)
extern const MlKernel ml_avx2;
#endif

#endif
