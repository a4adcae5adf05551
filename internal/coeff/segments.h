// The segments of a result.
#ifndef ML_SEGMENTS_H
#define ML_SEGMENTS_H

#include "writer.h"

// ml_write_head writes all up to the scan, whose codes are those of luma and of
// chroma, for first coefficients and for the others.
int ml_write_head(MlWriter *w, const MlOrder *order, const MlShape *result, const MlCodes codes[2][2]);

#endif
