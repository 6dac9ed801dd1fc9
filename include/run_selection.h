/* Some columns of a run table, in an order, and how they are written. */
#ifndef BITFAST_RUN_SELECTION_H
#define BITFAST_RUN_SELECTION_H

#include <stdio.h>

#include "run_table.h"
#include "text_table.h"

/* Zero-initialised it is empty. */
struct run_selection {
    size_t *columns;
    size_t count;
};

/* The columns with these names, separated by commas; of groups (run_group.h), NAME is NAME_mean. */
int run_selection_named(struct run_selection *selection, const struct run_table *table, const char *names,
                        struct error *error);

/* One of them, as run_selection_named() finds it. */
int run_selection_find(const struct run_table *table, const char *name, size_t *column, struct error *error);

/* What run_table_usual_columns() or, of groups, run_group_usual_columns() choose. */
int run_selection_usual(struct run_selection *selection, const struct run_table *table, bool groups, bool brief,
                        bool people, struct error *error);

/* Keeps `run` and the columns in which the runs differ; of those, if there is none, the first. */
void run_selection_keep_changed(struct run_selection *selection, const struct run_table *table);

/* Metrics have 4 decimals for people, seconds 1. */
int run_selection_write(const struct run_selection *selection, const struct run_table *table, FILE *stream,
                        enum text_table_format format, struct error *error);

void run_selection_release(struct run_selection *selection);

#endif
