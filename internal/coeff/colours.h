// What becomes of colours, made ready for the kernels.
#ifndef ML_COLOURS_H
#define ML_COLOURS_H

#include "kernel.h"

// ml_recolours says that the map changes something.
int ml_recolours(const MlHead *head, const MlOrder *order);

void ml_colours(MlColours *c, const MlHead *head, const MlOrder *order);
void ml_clip(MlClip *c, const MlHead *head, const MlOrder *order);

#endif
