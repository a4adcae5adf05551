// Orders for the lane, made of bytes.
#ifndef ML_ORDER_H
#define ML_ORDER_H

#include "../../coeff.h"

#define ORDER_BYTES 12 // behind an input's JPEG

// order_make makes an order that an image can be asked for.
void order_make(MlOrder *o, const MlHead *head, const uint8_t bytes[ORDER_BYTES]);

#endif
