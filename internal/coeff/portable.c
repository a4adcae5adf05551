// The kernel for any processor. Multiplications and additions are not fused
// where it could do that, or its bytes would be others.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include "kernel_body.h"

const MlKernel ml_portable = { read, chroma, luma, samples, clip, lay, write, keep, write_units };
