// Huffman codes, ready for reading and for writing.
#ifndef ML_HUFFMAN_H
#define ML_HUFFMAN_H

#include "coeff.h"

#define ML_PEEK 10	  // bits that are looked up at once
#define ML_PASS 12	  // bits of codes that are passed over at once
#define ML_SMALL 32	  // numbers from - that on and below it are looked up when written
#define ML_ALONE 32	  // in an entry of fast: it is no number
#define ML_BLOCK_ENDS 64  // the run of a code that ends a block

// MlDecoder reads one table's codes. An entry of fast is number << 16 | run << 8 | bits,
// if the code and the number's bits behind it fit into ML_PEEK; value << 8 | ML_ALONE |
// bits if only the code does; ML_ALONE if there is none so short.
typedef struct {
	int32_t fast[1 << ML_PEEK];
	int32_t beyond[18]; // of each length, the first code that is longer, as 16 bits
	int32_t index[17];  // of each length, what makes a code the index of its value
	uint8_t values[256];
} MlDecoder;

// MlPairs reads two coefficients behind the first at once. An entry is second number << 48
// | first number << 32 | advance << 24 | second's place << 16 | first's << 8 | bits, with
// places from here on. One that ML_PEEK bits do not hold is 0, at a place that comes later.
typedef struct {
	uint64_t at[1 << ML_PEEK];
} MlPairs;

#define ML_PAIR_END 128 // is added to the advance if the last code ends the block
#define ML_PAIR_NONE 64 // is the advance if there is none

// MlPasser passes over coefficients behind the first without reading them. An entry is
// coefficients << 5 | bits, for as many codes as ML_PASS bits hold, with the bits of
// their numbers; of these the last one's need not be within.
typedef struct {
	uint16_t at[1 << ML_PASS];
} MlPasser;

#define ML_PASS_END 1024 // is added to the coefficients if the last code ends the block
#define ML_PASS_NONE 512 // instead of them if no code fits

// MlEncoder writes them: entry is code << 8 | bits, those of the number behind
// the code included; 0 for a value without a code.
typedef struct {
	uint32_t entry[256];
	uint32_t small[16][2 * ML_SMALL]; // of a run and a number + ML_SMALL: the number's bits are in the code
} MlEncoder;

// ml_decoder fails with ML_STRANGE for a table that is none. Of dc, values are
// the sizes of differences; of others, runs and sizes.
int ml_decoder(MlDecoder *d, const MlCodes *codes, int dc);

// ml_pairs and ml_passer are for codes of coefficients behind the first.
void ml_pairs(MlPairs *p, const MlDecoder *d);
void ml_passer(MlPasser *p, const MlCodes *codes);

void ml_encoder(MlEncoder *e, const MlCodes *codes);

// ml_optimal makes the shortest codes for values that occur so often.
void ml_optimal(MlCodes *codes, const uint32_t often[256]);

// ml_is_complete says that there is a code for all that may be wanted behind the first
// coefficient.
int ml_is_complete(const MlCodes *codes);

#endif
