/* How far a run is: results/TRAINING/RUN. */
#ifndef BITFAST_RUN_STATE_H
#define BITFAST_RUN_STATE_H

#include <stdbool.h>

#include "error.h"

enum run_state {
    RUN_DONE,        /* its record.json is there, and its outputs are those that it names */
    RUN_RUNNING,     /* somebody is writing a file of it or of its training */
    RUN_INTERRUPTED, /* neither; the same make goes on */
    RUN_CHANGED      /* record.json is there, but an output is missing or has other bytes */
};

/* "done", "running", "interrupted", "changed" */
const char *run_state_name(enum run_state state);

/* The state of the run in this directory. Without `verify` a record.json is believed, at the cost of a look at the
 * directory; with it the digest of each output is compared, from its bytes where the graph's own record (step_record.h)
 * does not have it. Never fails: a record.json that cannot be read counts as changed; `why`, if not NULL, then holds
 * which file and what is wrong. */
enum run_state run_state_find(const char *directory, bool verify, struct error *why);

#endif
