// What a JPEG is altered with.
#ifndef ML_LANE_H
#define ML_LANE_H

#include "colours.h"
#include "kept.h"
#include "result.h"
#include "scans.h"

typedef struct {
	const MlOrder *order;
	const MlKernel *kernel;
	MlShape shape; // of the source
	int down;      // rows of units in the source
	MlColours colours;
	int recoloured; // the map is not the one that changes nothing
	MlColours sharing; // the same, but no chroma is made
	MlClip clip;
	MlSamples samples[3]; // of chroma, of three rows
	int16_t *made[ML_COMPONENTS];
	uint8_t *clipped;
	MlReader *reader;
	uint8_t *window; // the reader's
	MlScans *scans;	 // instead, if there are several
	int16_t *rows[2][ML_COMPONENTS]; // of the source, even ones and odd ones
	int carries[ML_COMPONENTS];
	MlCarried *carried[2][ML_COMPONENTS]; // the same, of what is carried; rows are then what luma makes, or NULL
	MlVector *shared[3];		      // what chroma adds to luma, of three rows
	MlVector *lines;
	MlPlane planes[ML_COMPONENTS]; // of the result, before it is turned; blocks if they are kept
	MlKept kept;		       // instead, codes
	void *memory[32];
	int allotted;
	MlResult result;
	int progressive; // the result too
} MlLane;

// ml_keeps says that all of the result is there before any of it is written:
// ml_keeps_blocks as coefficients, ml_keeps_codes as codes.
static inline int
ml_keeps_blocks(const MlLane *l)
{
	return l->order->optimal || l->progressive;
}

static inline int
ml_keeps_codes(const MlLane *l)
{
	return (l->order->transpose || l->order->flip) && !ml_keeps_blocks(l);
}

static inline int
ml_keeps(const MlLane *l)
{
	return ml_keeps_blocks(l) || ml_keeps_codes(l);
}

// ml_lane_allot allots what a lane works with, once it is known what it carries and
// keeps. ml_lane_free frees it, all or some.
int ml_lane_allot(MlLane *l, const MlHead *head);
void ml_lane_free(MlLane *l);

#endif
