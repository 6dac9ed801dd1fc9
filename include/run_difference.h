/* Where two runs differ, as a table: name, first, second, and second minus first where both are numbers. */
#ifndef BITFAST_RUN_DIFFERENCE_H
#define BITFAST_RUN_DIFFERENCE_H

#include "run_table.h"
#include "text_table.h"

enum { RUN_DIFFERENCE_BYTES = 32 };

struct run_difference {
    struct text_table table;              /* its cells point into the run table and into texts */
    const char **cells;
    char (*texts)[RUN_DIFFERENCE_BYTES];
};

/* Of the two runs in `runs`, which must outlive it: a row for each of the columns in which they differ. Fails if there
 * is no memory; then there is nothing to release. */
int run_difference_init(struct run_difference *difference, const struct run_table *runs, const size_t *columns,
                        size_t count, struct error *error);
void run_difference_release(struct run_difference *difference);

#endif
