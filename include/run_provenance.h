/* How a run came about, as two files in its directory tell: record.json, the same wherever the run is made again, and
 * environment.json, which is not.
 *
 * record.json is an object: format "bitfast-run-1", run, parameters (an object of texts), tools, inputs and outputs
 * (lists of {path, sha256}; paths from the project's directory) and steps (a list of {path, sha256, command, inputs}).
 * environment.json is an object. A file that is not so is an error that names it and what is wrong. */
#ifndef BITFAST_RUN_PROVENANCE_H
#define BITFAST_RUN_PROVENANCE_H

#include <jansson.h>

#include "error.h"
#include "run_state.h"

/* Zero-initialised it is empty. */
struct run_provenance {
    json_t *record, *environment; /* NULL if the file is not there */
};

int run_provenance_read(struct run_provenance *provenance, const char *directory, struct error *error);
void run_provenance_release(struct run_provenance *provenance);

/* The sha256 that a list of {path, sha256} has for the path, or NULL. The list may be NULL. */
const char *run_provenance_digest(const json_t *list, const char *path);

/* The path on this machine of what a record calls `path`, "results/..." being below `results`; the caller frees it. */
char *run_provenance_locate(const char *results, const char *path, struct error *error);

/* The last checkpoint of the run: the path that the record has for the input of predictions.tsv, and its sha256; NULLs
 * if it has none. */
void run_provenance_model(const struct run_provenance *provenance, const char **path, const char **sha256);

#endif
