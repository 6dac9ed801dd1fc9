/* Finds the runs below a directory and reads of each what the table of runs shows.
 *
 * A directory holds a run if it holds run.tsv, a table (table.h) of one row, or, as long as that is not made,
 * parameters.mk, lines NAME = VALUE; nothing below a run is looked at. Names that begin with '.' are skipped, links to
 * directories not followed. Each file is opened relative to its directory and read once, on all processors. */
#ifndef BITFAST_RUN_SCAN_H
#define BITFAST_RUN_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "run_file.h"
#include "run_state.h"
#include "table.h"

enum { RUN_ID_BYTES = 9 };

struct found_run {
    char *path;              /* of its run.tsv or parameters.mk */
    struct table table;      /* one row: `run`, the parameters, the metrics */
    enum run_state state;    /* as run_state_find() tells it without verifying */
    char seconds[RUN_SECONDS_BYTES]; /* the sum over times.tsv, "" if there is none or nobody asked */
};

/* Zero-initialised it is empty. */
struct run_scan {
    struct found_run *runs;
    size_t count, capacity;
};

/* Adds the run whose run.tsv, or whose directory, this is; or all runs below a directory, in the order of their paths.
 * times: whether times.tsv is read. On failure the scan holds what it held before, or a part of what is new. */
int run_scan_add(struct run_scan *scan, const char *path, bool times, struct error *error);
void run_scan_release(struct run_scan *scan);

/* What a run may be called beside its name: the first eight digits of the name's SHA-256. */
void run_id(const char *name, char id[RUN_ID_BYTES]);

#endif
