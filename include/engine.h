/* The engines behind one seam: a table of kernels.
 *
 * exact: the kernels of kernels.h, the same bits on every machine.
 * openblas: convolutions as im2col and OpenBLAS's sgemm (one thread a call), everything else as in exact. For
 * comparison: OpenBLAS changes its sums with the processor and the release, so its results are comparable on like
 * machines only. */
#ifndef BITFAST_ENGINE_H
#define BITFAST_ENGINE_H

#include "error.h"
#include "kernels.h"

#define ENGINE_CHOICES "exact|openblas"

/* `engine` is one of ENGINE_CHOICES, `set` a name for kernels_select. */
int engine_select(struct kernels *kernels, const char *engine, const char *set, struct error *error);

#endif
