// What libjpeg says of a JPEG's coefficients, to compare the lane with.
#ifndef ML_REFERENCE_H
#define ML_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "../../coeff.h"

// Component's blocks are of 64 in natural order, row by row. Those beyond real
// only fill the last units up.
typedef struct {
	int across, down;
	int real_across, real_down;
	uint16_t quant[64];
	int16_t *blocks;
} Component;

typedef struct {
	int width, height, components, restart, progressive;
	Component of[ML_COMPONENTS];
	char complaint[256]; // of libjpeg; empty if there was none
} Reference;

// reference_read gives what libjpeg reads up to its first complaint.
void reference_read(Reference *r, const uint8_t *data, size_t length);
void reference_free(Reference *r);

#endif
