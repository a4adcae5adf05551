// The scan's bytes, without what is stuffed between them.
#ifndef ML_READER_H
#define ML_READER_H

#include "huffman.h"

// A unit has at most 6 blocks of 64 codes, each of which has at most 16 bits and
// is followed by at most 11.
#define ML_UNIT_MOST (6 * 64 * 4)
#define ML_AHEAD 8 // bytes that may be looked at, but not used
#define ML_WINDOW 65536 // bytes that are there ahead of what is read
#define ML_WINDOW_SIZE(kept) (((size_t) (kept) + 1) * ML_UNIT_MOST + ML_WINDOW + 4 * ML_AHEAD) // if so many units stay

// MlStream is a place in the window.
typedef struct {
	const uint8_t *p; // the next byte
	uint64_t bits;	  // the first count were taken from before it; those behind may be set as well
	int count;
} MlStream;

// MlBytes are those that places count in, as far as they are there.
typedef struct {
	const uint8_t *first;
	uint64_t before; // that were there before it
} MlBytes;

typedef struct {
	const uint8_t *in, *end; // what has not been read
	MlStream at;
	uint8_t *limit;		 // behind the last one there; zeros follow if mark is set
	int mark;		 // the marker behind the window; 0: more data
	int dc[ML_COMPONENTS]; // first coefficients of the last blocks
	int both;	       // what is carried is read too, not passed over
	int restart;	       // units between restart markers; 0: none
	int units;	       // before the next one
	int number;	       // of the next one
	MlDecoder codes[ML_COMPONENTS][2];
	MlPairs pairs[ML_COMPONENTS];
	MlPasser passers[ML_COMPONENTS];
	uint8_t *window;
	MlBytes bytes;	    // in it
	uint64_t row, kept; // bytes before this row of units, and before the last one
} MlReader;

// ml_reader reads into a window of ML_WINDOW_SIZE: of no units, or of two rows of them.
int ml_reader(MlReader *r, const MlHead *head, uint8_t *window);

// ml_begin_row is called before each row if it is to stay while the next one is read.
void ml_begin_row(MlReader *r);

// ml_finish is called behind the last unit.
int ml_finish(MlReader *r);

int ml_refill(MlReader *r);
int ml_restart(MlReader *r);

// ml_place is the number of bits before the next one.
static inline uint64_t
ml_place(const MlReader *r, const MlStream *s)
{
	return 8 * (r->bytes.before + (s->p - r->window)) - s->count;
}

// ml_at is a place in bytes that are there; the bits before it in its byte are still to be
// dropped.
static inline MlStream
ml_at(const MlBytes *b, uint64_t place)
{
	return (MlStream) { b->first + (place / 8 - b->before), 0, 0 };
}

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
