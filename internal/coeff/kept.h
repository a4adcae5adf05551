// The codes of a result that is turned, until all of them are there.
#ifndef ML_KEPT_H
#define ML_KEPT_H

#include "writer.h"

// MlKept has the codes in the order of the source, and the blocks in that of the result.
typedef struct {
	const MlOrder *order;
	MlBytes bytes;
	size_t room; // of them
	MlBits bits; // where they are written to
	MlPlane planes[ML_COMPONENTS];
	MlCarried *blocks[ML_COMPONENTS];
} MlKept;

// ml_kept allots room for planes that are as the source is; likely is how many bytes it
// will need.
int ml_kept(MlKept *k, const MlOrder *o, const MlPlane planes[ML_COMPONENTS], int components, size_t likely);
void ml_kept_free(MlKept *k);

// ml_keep_row keeps a row of units of a component, the at'th of the planes.
int ml_keep_row(MlKept *k, const MlKernel *kernel, const MlCoder *coder, int component, int at, const MlPlane *row);

#endif
