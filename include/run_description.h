/* All that is known of one run, as a JSON object: run, id, directory, state, tags ([{name, note}]), parameters and
 * metrics ({name: value}), files ([{name, bytes, sha256, state}]), times ({step: seconds}), tools and inputs
 * ({path: sha256}), environment (environment.json, or null). */
#ifndef BITFAST_RUN_DESCRIPTION_H
#define BITFAST_RUN_DESCRIPTION_H

#include <jansson.h>

#include "error.h"
#include "run_name.h"

/* Reads the run's files, and the bytes of those that its record.json names: the state is `changed`, and that file's
 * `changed` or `missing`, if one is not as recorded; a file's other states are `recorded` and `not recorded`. The
 * caller drops the reference. NULL on failure. */
json_t *run_describe(const struct run_place *place, struct error *error);

#endif
