/* Where two runs differ, as a table: what, name, first, second, and second minus first where both are numbers. */
#ifndef BITFAST_RUN_DIFFERENCE_H
#define BITFAST_RUN_DIFFERENCE_H

#include <stdbool.h>
#include <stdio.h>

#include "run_table.h"
#include "text_table.h"

enum { RUN_DIFFERENCE_FIELDS = 5 };

/* Zero-initialised it is empty. */
struct run_difference {
    char *(*rows)[RUN_DIFFERENCE_FIELDS]; /* owned; NULL is missing */
    size_t count, capacity;
};

/* Adds a row, of copies, if the two differ; NULL is missing. */
int run_difference_add(struct run_difference *difference, const char *what, const char *name, const char *first,
                       const char *second, struct error *error);

/* Of the two runs in `runs` a row for each of the columns in which they differ. */
int run_difference_add_runs(struct run_difference *difference, const struct run_table *runs, const size_t *columns,
                            size_t count, struct error *error);

/* with_what: whether the table has the column `what`. The caller checks and closes the stream. */
int run_difference_write(const struct run_difference *difference, bool with_what, FILE *stream,
                         enum text_table_format format, struct error *error);

void run_difference_release(struct run_difference *difference);

#endif
