#pragma once
#include "vips.h"

// The ways to lay one image over another; see Blend in blend.go.
enum {
	ML_OVER,
	ML_MULTIPLY,
	ML_SCREEN,
	ML_OVERLAY,
	ML_DARKEN,
	ML_LIGHTEN,
	ML_COLOR_DODGE,
	ML_COLOR_BURN,
	ML_HARD_LIGHT,
	ML_SOFT_LIGHT,
	ML_DIFFERENCE,
	ML_EXCLUSION,
	ML_ADD
};

int ml_blend(VipsImage *in, VipsImage *overlay, VipsImage **out, int left, int top, int mode, double opacity);
