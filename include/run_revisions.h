/* The metrics of the same runs at several times, such as revisions in git, side by side. */
#ifndef BITFAST_RUN_REVISIONS_H
#define BITFAST_RUN_REVISIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "run_selection.h"
#include "run_table.h"
#include "text_table.h"

enum { REVISIONS_MAX = 16 };

/* Zero-initialised it is empty. */
struct run_revisions {
    struct run_table table;            /* the runs of all revisions, one after the other */
    const char *names[REVISIONS_MAX];  /* the caller's */
    size_t ends[REVISIONS_MAX];        /* of each the end of its runs in the table */
    size_t count;
    size_t (*rows)[REVISIONS_MAX];     /* of each run where it is in the table, or NO_RUN */
    size_t row_count;
};

#define NO_RUN ((size_t)-1)

/* Adds the runs below the directory. Refuses a directory without runs, and a run that is there twice. */
int run_revisions_add(struct run_revisions *revisions, const char *name, const char *directory, struct error *error);

/* Finds which rows are the same run: after the last revision, once. */
int run_revisions_join(struct run_revisions *revisions, struct error *error);

/* The metrics: all that any run has; if brief val_acc, test_acc and those that differ somewhere. */
int run_revisions_usual(const struct run_revisions *revisions, bool brief, struct run_selection *metrics,
                        struct error *error);

/* A row a run: its name, or if brief the parameters in which the runs differ; of each metric METRIC@NAME for each
 * revision and METRIC_difference, the last minus the first; if brief the run's id. only_changed: no row for a run whose
 * metrics are the same in all. */
int run_revisions_write(const struct run_revisions *revisions, const struct run_selection *metrics, bool brief,
                        bool only_changed, FILE *stream, enum text_table_format format, struct error *error);

void run_revisions_release(struct run_revisions *revisions);

#endif
