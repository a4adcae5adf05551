// libjpeg-turbo for tests. Every function returns 0, or -1 after an error of
// libjpeg's.
#ifndef ML_TURBO_H
#define ML_TURBO_H

#include <stddef.h>
#include <stdint.h>

// MlTurbo is what a JPEG is, or shall be.
typedef struct {
	int width, height;
	int components, h, v; // sampling factors of the first component; the others have 1
	int quality;	      // unless quant is set
	int tables;	      // quant is set
	uint16_t quant[3][64];
	int restart, progressive, optimal;
	int ycc; // pixels are luma and chroma
} MlTurbo;

int ml_turbo_head(const uint8_t *data, size_t length, MlTurbo *head);

// ml_turbo_decode gives RGB, grey, or with head->ycc luma and chroma.
int ml_turbo_decode(const uint8_t *data, size_t length, const MlTurbo *head, uint8_t *pixels);

// ml_turbo_coefficients gives components one behind the other, with whole units.
int ml_turbo_coefficients(const uint8_t *data, size_t length, const MlTurbo *head, int16_t *blocks);

// ml_turbo_encode gives bytes to be freed.
int ml_turbo_encode(const uint8_t *pixels, const MlTurbo *wanted, unsigned char **out, unsigned long *length);

// ml_turbo_write writes coefficients as ml_turbo_coefficients gives them.
int ml_turbo_write(const int16_t *blocks, const MlTurbo *wanted, unsigned char **out, unsigned long *length);

#endif
