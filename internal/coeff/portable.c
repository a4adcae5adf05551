// The kernel for any processor.
#include "kernel_body.h"

const MlKernel ml_portable = { read, chroma, luma, write };
