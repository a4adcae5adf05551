// The kernel's functions; compiled by avx2.c and portable.c. Each part tells of its own
// bounds. The planes have as many blocks as the shape says, since room.c allots them by
// the same shape.
#include "kernel.h"

#include <stddef.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

typedef int16_t Row __attribute__((vector_size(16))); // of a block
typedef int32_t Wide __attribute__((vector_size(32)));

#include "kernel_read.h"
#include "kernel_map.h"
#include "kernel_clip.h"
#include "kernel_write.h"
#include "kernel_carry.h"
