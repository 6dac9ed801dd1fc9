/* The table of experiments: one row a run, read from the files that the graph left in the runs' directories.
 *
 * A run's directory holds run.tsv - a table (table.h) of one row: `run`, the parameters, and the metrics of the last
 * epoch and of the test - and perhaps times.tsv with the columns step and seconds, whose sum is the column `seconds`.
 * Runs may have different columns; an empty field, '-' and a column that is not there all mean "missing". */
#ifndef BITFAST_RUN_TABLE_H
#define BITFAST_RUN_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "table.h"

/* The columns of every run table come first and in this order; the parameters follow as they are found. */
enum {
    RUN_COLUMN, TRAIN_LOSS_COLUMN, TRAIN_ACC_COLUMN, VAL_LOSS_COLUMN, VAL_ACC_COLUMN, TEST_LOSS_COLUMN,
    TEST_ACC_COLUMN, SECONDS_COLUMN, FIRST_PARAMETER_COLUMN
};

struct run {
    char *path;              /* of its run.tsv */
    struct table table;      /* its contents */
    const char **cells;      /* by column of the run table; NULL is missing */
    size_t cell_count;       /* the columns that were known when it was read; it has no later one */
    char seconds[32];
};

/* Zero-initialised it is empty. */
struct run_table {
    struct run *runs;
    size_t count, capacity;
    char **columns;          /* the names */
    size_t column_count;
};

void run_table_release(struct run_table *table);

/* Adds the run whose run.tsv, or whose directory, this is; or all runs below a directory, in the order of their paths.
 * Names that begin with '.' are skipped, links to directories not followed. Refuses a directory without a run. */
int run_table_add(struct run_table *table, const char *path, struct error *error);

/* Fills the column `seconds`, which is missing before, of every run that has a times.tsv. */
int run_table_read_times(struct run_table *table, struct error *error);

/* NULL if it is missing. */
const char *run_table_cell(const struct run_table *table, size_t run, size_t column);

/* Refuses a column that no run has, naming the nearest. */
int run_table_find_column(const struct run_table *table, const char *name, size_t *column, struct error *error);

/* Whether the listed runs do not all have the same text in the column. */
bool run_table_differs(const struct run_table *table, size_t column);

/* The columns to show if nobody chose, into `columns` (room for column_count): run, all parameters, the metrics; if
 * brief no run, and of the parameters those that differ, or FILTERS, EPOCHS and SEED if none does, and ENGINE if one is
 * not exact; last, if `seconds`, seconds. Returns how many. */
size_t run_table_usual_columns(const struct run_table *table, bool brief, bool seconds, size_t *columns);

/* Keeps the runs for which `condition`, NAME OP VALUE with OP one of = != < <= > >=, holds: compared as numbers if both
 * are, else as texts. A missing value differs from everything (only != holds). */
int run_table_filter(struct run_table *table, const char *condition, struct error *error);

/* Sorts by number if all that is there are numbers, else by text; equal runs stay in order, missing ones come last. */
int run_table_sort(struct run_table *table, size_t column, bool reverse, struct error *error);

/* Keeps the first `count` runs. */
void run_table_limit(struct run_table *table, size_t count);

#endif
