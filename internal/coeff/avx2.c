// The kernel for x86-64 processors with AVX2, which lane.c chooses when it runs
// on one.
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,lzcnt")
#endif

#include "kernel_body.h"

const MlKernel ml_avx2 = { read, chroma, luma, samples, clip, lay, write, keep, write_units };

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
