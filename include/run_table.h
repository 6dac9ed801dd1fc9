/* The table of experiments: one row a run, read from the files that the graph left in the runs' directories
 * (run_scan.h).
 *
 * A run has a name, parameters, whose names are in capitals, and metrics, whose names are not; run.tsv holds all three.
 * Runs may have different columns; an empty field, '-' and a column that is not there all mean "missing". */
#ifndef BITFAST_RUN_TABLE_H
#define BITFAST_RUN_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "run_scan.h"
#include "run_state.h"
#include "table.h"

/* The columns of every run table come first and in this order; all others follow as they are found. */
enum {
    RUN_COLUMN, TRAIN_LOSS_COLUMN, TRAIN_ACC_COLUMN, VAL_LOSS_COLUMN, VAL_ACC_COLUMN, TEST_LOSS_COLUMN,
    TEST_ACC_COLUMN, SECONDS_COLUMN, STATE_COLUMN, TAGS_COLUMN, ID_COLUMN, FIRST_OTHER_COLUMN
};

struct run {
    char *path;              /* of its run.tsv, or parameters.mk as long as there is none */
    struct table table;      /* its contents */
    const char **cells;      /* by column of the run table; NULL is missing */
    size_t cell_count;       /* the columns that were known when it was read; it has no later one */
    enum run_state state;
    char seconds[RUN_SECONDS_BYTES], id[RUN_ID_BYTES];
    char *texts;             /* owned: what cells of no file point to */
};

/* Zero-initialised it is empty. */
struct run_table {
    struct run *runs;
    size_t count, capacity;
    char **columns;          /* the names */
    size_t column_count;
};

void run_table_release(struct run_table *table);

/* Gives an empty table the columns that every one has. */
int run_table_init(struct run_table *table, struct error *error);

/* Adds the run or the runs of this path, as run_scan_add() finds them; without `times` there are no `seconds`. */
int run_table_add(struct run_table *table, const char *path, bool times, struct error *error);

/* Sets *column, adding it if it is new. `guess` is where it probably is: runs mostly have the same columns in the same
 * order, which makes this one comparison. */
int run_table_map_column(struct run_table *table, const char *name, size_t guess, size_t *column, struct error *error);

/* Takes over the run and what belongs to it. */
int run_table_append(struct run_table *table, struct run *run, struct error *error);

/* Fills the columns `id`, and `tags` from the tags (run_tags.h) of the directories that the runs were found in. */
int run_table_add_names(struct run_table *table, struct error *error);

/* NULL if it is missing. */
const char *run_table_cell(const struct run_table *table, size_t run, size_t column);

/* By its name in any case. Refuses a column that no run has, naming the nearest. */
int run_table_find_column(const struct run_table *table, const char *name, size_t *column, struct error *error);

bool run_table_is_parameter(const struct run_table *table, size_t column);
bool run_table_is_metric(const struct run_table *table, size_t column);

/* Whether the listed runs do not all have the same text in the column. */
bool run_table_differs(const struct run_table *table, size_t column);

/* The columns to show if nobody chose, into `columns` (room for column_count): run, all parameters, the metrics; if
 * brief no run, and of the parameters those that differ, or FILTERS, EPOCHS and SEED if none does, and ENGINE if one is
 * not exact. For people, also seconds, the state if one is not done, the tags if there are any, and the id. Returns how
 * many. */
size_t run_table_usual_columns(const struct run_table *table, bool brief, bool people, size_t *columns);

/* The parameters among them. */
size_t run_table_usual_parameters(const struct run_table *table, bool brief, size_t *columns);

/* Keeps the first `count` runs. */
void run_table_limit(struct run_table *table, size_t count);

/* Frees what belongs to a run. */
void run_release(struct run *run);

#endif
