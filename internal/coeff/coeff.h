// The C side of package coeff. A head is read (head.c), then the coefficients
// are changed on their way from the source's scan to the result's (lane.c), or,
// where they come in several scans, in libjpeg's arrays (scans.c).
#ifndef ML_COEFF_H
#define ML_COEFF_H

#include <stddef.h>
#include <stdint.h>

// What functions return.
enum {
	ML_DONE,
	ML_STRANGE, // not for this lane: broken, or of a kind that is not understood
	ML_LIMIT,   // the result is over the limit
	ML_MEMORY,
	ML_FILE // the result could not be written; errno says why
};

#define ML_COMPONENTS 3
#define ML_LARGEST 1023				// the largest coefficient
#define ML_LEAST_DC (-1024)			// the least first one; of others it is -ML_LARGEST
#define ML_MOST_QUANT 4095			// the largest step; no larger one makes a difference
#define ML_MOST_SIDE 65500			// pixels across or down; libjpeg takes no more
#define ML_KEPT_MOST ((size_t) 256 << 20)	// bytes of a picture's coefficients

// ml_units is how many units of so many blocks an axis has.
static inline int
ml_units(int pixels, int blocks)
{
	return (pixels + 8 * blocks - 1) / (8 * blocks);
}

// MlCodes is a Huffman table as T.81, annex C, specifies one.
typedef struct {
	uint8_t counts[17]; // how many codes there are of each length, from 1
	uint8_t values[256];
	int size; // of values; 0: there is no such table
} MlCodes;

// MlHead is what the segments up to the first scan say.
typedef struct {
	int width, height; // pixels
	int components;	   // 1 or 3
	int h, v;	   // sampling factors of the first one, 1 or 2; the others have 1
	int restart;	   // units between restart markers, 0 for none
	int scans;	   // nonzero: in several scans, progressive or not
	int progressive;
	uint16_t quant[ML_COMPONENTS][64]; // steps of each component, in natural order
	int table[ML_COMPONENTS];	   // the number of their table
	MlCodes dc[ML_COMPONENTS], ac[ML_COMPONENTS];
	const uint8_t *data;
	size_t length, scan; // of the data; where what is behind the first scan's header begins
} MlHead;

int ml_head(const uint8_t *data, size_t length, MlHead *head);

// MlOrder is what is wanted. The window is in units of the source.
typedef struct {
	int left, top, across, down;		// the window
	int width, height;			// of the result, pixels
	int transpose, flop, flip;		// first transposed, then mirrored
	int grey;				// only luma is written
	float luma[3], chroma[2][2], add;	// see Colours in coeff.go
	int clips;				// the map does not commute with stopping colours at the ends of their range
	float rgb[3][4];			// the same map for red, green and blue less 128, and 1
	int requantise;				// to these steps, in natural order
	uint16_t quant[ML_COMPONENTS][64];	// of the result as it is before it is turned
	int table[ML_COMPONENTS];		// those of one number are the same
	int restart;				// units between the result's restart markers, 0 for none
	int optimal;				// codes made for the image
	const uint8_t *segments;		// behind the first marker
	size_t length;				// of segments
	int file;				// descriptor of an empty file
	int64_t limit;				// bytes of the result
	int portable;				// without the processor's own instructions
} MlOrder;

int ml_alter(const MlHead *head, const MlOrder *order);

// Codes of annex K, for luma (0) and chroma (1).
extern const MlCodes ml_dc_codes[2], ml_ac_codes[2];

// The zigzag's place of each coefficient, and the other way round.
extern const uint8_t ml_natural[64], ml_zigzag[64];

#endif
