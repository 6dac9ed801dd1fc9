/* What a user may call a run: the path of its directory, TRAINING/RUN, its tag, or the beginning of its name or of its
 * id (run_scan.h) as long as no other run begins so. */
#ifndef BITFAST_RUN_NAME_H
#define BITFAST_RUN_NAME_H

#include "error.h"

struct run_place {
    char *directory; /* of the run */
    char *results;   /* the directory that the name is relative to */
    char *name;      /* TRAINING/RUN */
};

/* Looks in the directory `results`. A text that fits several runs is refused with the first of them, one that fits none
 * with the nearest tag. On failure there is nothing to release. */
int run_place_find(struct run_place *place, const char *results, const char *text, struct error *error);
void run_place_release(struct run_place *place);

#endif
