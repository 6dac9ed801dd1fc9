/* Why make would run a step, found out without running anything. */
#ifndef BITFAST_STEP_WHY_H
#define BITFAST_STEP_WHY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* As the command line of a step has it (src/tool/step.c). */
struct step_plan {
    const char *target, *command, *again;
    char **inputs; /* those under `bin` are changed into bin/NAME */
    size_t count;
    bool always, no_store;
};

enum step_fate {
    STEP_TOUCHED,  /* the file is what the step would make */
    STEP_RESTORED, /* from the store */
    STEP_RUNS,
    STEP_MAY_RUN /* if what it is made from, which is made again, gets other bytes */
};

/* What is found out of step after step, in the order in which make runs them. */
struct step_why {
    const char *bin, *store;
    json_t *changed; /* the digest that a file will have, "" if that is not yet known */
};

int step_why_init(struct step_why *why, const char *bin, const char *store, struct error *error);
void step_why_release(struct step_why *why);

/* Appends the reasons, a text each, to the array `reasons`. */
int step_why_find(struct step_why *why, const struct step_plan *plan, enum step_fate *fate, json_t *reasons,
                  struct error *error);

#endif
