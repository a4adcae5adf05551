// The result's blocks, on their way to its file.
#ifndef ML_RESULT_H
#define ML_RESULT_H

#include "segments.h"

// MlPlane is a component's blocks, row by row.
typedef struct {
	int16_t *blocks;
	int across, down;
	size_t line; // coefficients from a row's start to the next one's
	int h, v;    // blocks of a unit
} MlPlane;

typedef struct {
	const MlOrder *order;
	const MlKernel *kernel;
	MlShape shape;
	int height; // units
	MlWriter writer;
	MlEncoder codes[2][2]; // of luma and of chroma
	MlPlaces places;
	uint32_t often[2][2][256];
	int counting;	 // codes are counted, not written
	int units, mark; // since the last restart marker; the next one's number
	int dc[ML_COMPONENTS];
	_Alignas(32) int16_t room[64]; // for a block that is turned
} MlResult;

void ml_result(MlResult *r, const MlHead *head, const MlOrder *order, const MlKernel *kernel);

// ml_block is the one of a plane that comes to a place in the result. It is good
// until the next one is asked for.
const int16_t *ml_block(MlResult *r, const MlPlane *plane, int x, int y);

// ml_begin writes the segments for codes of annex K, ml_begin_optimal for those that
// are best for the planes, which must be all of the result.
int ml_begin(MlResult *r);
int ml_begin_optimal(MlResult *r, const MlPlane *planes);

// ml_write_rows writes so many rows of units.
int ml_write_rows(MlResult *r, const MlPlane *planes, int count);

#endif
