// JPEGs whose coefficients come in several scans, through libjpeg's arrays.
#ifndef ML_SCANS_H
#define ML_SCANS_H

#include "writer.h"

typedef struct MlScans MlScans;

// ml_scans_read reads all scans and completes the head.
int ml_scans_read(MlScans **s, MlHead *head);
void ml_scans_free(MlScans *s);

// ml_scans_row copies a row of units.
int ml_scans_row(MlScans *s, const MlShape *shape, int row, int16_t *planes[ML_COMPONENTS]);

// MlBlocks gives a component's block at a place in a result.
typedef const int16_t *MlBlocks(void *data, int component, int x, int y);

// ml_scans_write writes a progressive JPEG of blocks, all but what is left in w.
int ml_scans_write(MlWriter *w, const MlHead *head, const MlOrder *order, MlBlocks *blocks, void *data);

#endif
