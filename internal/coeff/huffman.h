// Huffman codes, ready for reading and for writing.
#ifndef ML_HUFFMAN_H
#define ML_HUFFMAN_H

#include "coeff.h"

#define ML_PEEK 11	  // bits that are looked up at once
#define ML_SMALL 8	  // numbers from - that on and below it are looked up when written
#define ML_BLOCK_ENDS 64  // the run of a code that ends a block

// MlDecoder reads one table's codes. An entry of fast is value << 16 | run << 8 |
// bits, for a code and the bits behind it that fit into ML_PEEK; 0 for others.
typedef struct {
	int32_t fast[1 << ML_PEEK];
	int32_t beyond[18]; // of each length, the first code that is longer, as 16 bits
	int32_t index[17];  // of each length, what makes a code the index of its value
	uint8_t values[256];
} MlDecoder;

// MlEncoder writes them: entry is code << 8 | bits, those of the number behind
// the code included; 0 for a value without a code.
typedef struct {
	uint32_t entry[256];
	uint32_t small[16][2 * ML_SMALL]; // of a run and a number + ML_SMALL: the number's bits are in the code
} MlEncoder;

// ml_decoder fails with ML_STRANGE for a table that is none. Of dc, values are
// the sizes of differences; of others, runs and sizes.
int ml_decoder(MlDecoder *d, const MlCodes *codes, int dc);

void ml_encoder(MlEncoder *e, const MlCodes *codes);

// ml_optimal makes the shortest codes for values that occur so often.
void ml_optimal(MlCodes *codes, const uint32_t often[256]);

#endif
