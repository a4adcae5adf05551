// The scan's bytes, without what is stuffed between them.
#ifndef ML_READER_H
#define ML_READER_H

#include "huffman.h"

// A unit has at most 6 blocks of 64 codes, each of which has at most 16 bits and
// is followed by at most 11.
#define ML_UNIT_MOST (6 * 64 * 4)
#define ML_AHEAD 8 // bytes that may be looked at, but not used
#define ML_WINDOW 65536

// MlStream is a place in the window.
typedef struct {
	const uint8_t *p; // the next byte
	uint64_t bits;	  // the first count were taken from before it; those behind may be set as well
	int count;
} MlStream;

typedef struct {
	const uint8_t *in, *end; // what has not been read
	MlStream at;
	uint8_t *limit;		 // behind the last one there; zeros follow if mark is set
	int mark;		 // the marker behind the window; 0: more data
	int dc[ML_COMPONENTS]; // first coefficients of the last blocks
	int restart;	       // units between restart markers; 0: none
	int units;	       // before the next one
	int number;	       // of the next one
	MlDecoder codes[ML_COMPONENTS][2];
	uint8_t window[ML_WINDOW + ML_UNIT_MOST + 2 * ML_AHEAD];
} MlReader;

int ml_reader(MlReader *r, const MlHead *head);

// ml_finish is called behind the last unit.
int ml_finish(MlReader *r);

int ml_refill(MlReader *r);
int ml_restart(MlReader *r);

// ml_within says that no more has been used than there was.
static inline int
ml_within(const MlReader *r)
{
	return r->at.p - (r->at.count >> 3) <= r->limit;
}

// ml_ready is called before each unit. After ML_DONE a unit can be read without
// looking where the window ends.
static inline int
ml_ready(MlReader *r)
{
	if (r->restart && r->units-- == 0 && ml_restart(r))
		return ML_STRANGE;
	if (r->limit - r->at.p < ML_UNIT_MOST + ML_AHEAD && !r->mark)
		return ml_refill(r);
	return ML_DONE;
}

#endif
