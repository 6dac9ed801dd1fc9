/* Which kernels a tool works with. The only place that reads BITFAST_ISA. */
#ifndef BITFAST_CHOOSE_KERNELS_H
#define BITFAST_CHOOSE_KERNELS_H

#include "error.h"
#include "kernels.h"

#define CHOOSE_KERNELS_HELP "instruction set, else BITFAST_ISA's, else the best; no byte changes"

/* The engine's kernels (engine.h) of the instruction set `option`, what --kernels says; if that is NULL of the one that
 * the environment names in BITFAST_ISA; if that is unset or empty of the fastest. Refuses a set that this processor
 * lacks, naming those that it has. */
int choose_kernels(struct kernels *kernels, const char *engine, const char *option, struct error *error);

#endif
