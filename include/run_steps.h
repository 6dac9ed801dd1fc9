/* The steps that led to some files, from the records beside them (step_record.h). */
#ifndef BITFAST_RUN_STEPS_H
#define BITFAST_RUN_STEPS_H

#include <jansson.h>
#include <stddef.h>

#include "error.h"

/* Follows the records from the files `outputs` back, not beyond the file `data`. Returns a new object, or NULL:
 *     tools    [{path, sha256}]   what is under bin/ or src/
 *     inputs   [{path, sha256}]   `data`, and what no step has made
 *     outputs  [{path, sha256}]   as given
 *     steps    [{path, sha256, command, inputs [{path, sha256}]}]
 * all but outputs sorted by path. Refuses a file without a record, one that is not what its record says, and a step that
 * had other bytes of an input than are there. */
json_t *run_steps_gather(char *const *outputs, size_t count, const char *data, struct error *error);

#endif
