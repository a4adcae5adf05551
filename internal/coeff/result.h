// The result's blocks, on their way to its file.
#ifndef ML_RESULT_H
#define ML_RESULT_H

#include "segments.h"

typedef struct {
	const MlOrder *order;
	const MlKernel *kernel;
	const MlBytes *bytes;	// of what is carried
	const MlReader *source; // of what changes of it
	MlShape shape;
	int height; // units
	MlWriter writer;
	MlCoder coder;
	uint32_t often[2][2][256];
	int counting;	 // codes are counted, not written
	int units, mark; // since the last restart marker; the next one's number
	_Alignas(32) int16_t room[64]; // for a block that is turned
} MlResult;

void ml_result(MlResult *r, const MlHead *head, const MlOrder *order, const MlKernel *kernel);

// ml_block is a component's block that comes to a place in the result. It is good until
// the next one is asked for.
const int16_t *ml_block(MlResult *r, const MlPlane planes[ML_COMPONENTS], int component, int x, int y);

// ml_begin writes the segments for such codes of luma and of chroma, or if they are NULL
// those of annex K; ml_begin_optimal for those that are best for the planes, which must
// be all of the result.
int ml_begin(MlResult *r, const MlCodes *const ac[2]);
int ml_begin_optimal(MlResult *r, const MlPlane *planes);

// ml_write_rows writes so many rows of units, of planes that are as the source is, or if
// they are carried, as the result.
int ml_write_rows(MlResult *r, const MlPlane *planes, int count);

#endif
