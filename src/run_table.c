#include "run_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "array.h"
#include "number.h"
#include "run_tags.h"

static const char *const fixed_names[FIRST_OTHER_COLUMN] = {
    [RUN_COLUMN] = "run", [TRAIN_LOSS_COLUMN] = "train_loss", [TRAIN_ACC_COLUMN] = "train_acc",
    [VAL_LOSS_COLUMN] = "val_loss", [VAL_ACC_COLUMN] = "val_acc", [TEST_LOSS_COLUMN] = "test_loss",
    [TEST_ACC_COLUMN] = "test_acc", [SECONDS_COLUMN] = "seconds", [STATE_COLUMN] = "state", [TAGS_COLUMN] = "tags",
    [ID_COLUMN] = "id"};

void run_release(struct run *run)
{
    free(run->path);
    free(run->cells);
    free(run->texts);
    table_release(&run->table);
}

void run_table_release(struct run_table *table)
{
    run_table_limit(table, 0);
    for (size_t column = 0; column < table->column_count; column++)
        free(table->columns[column]);
    free(table->columns);
    free(table->runs);
    *table = (struct run_table){0};
}

void run_table_limit(struct run_table *table, size_t count)
{
    while (table->count > count)
        run_release(&table->runs[--table->count]);
}

/* --- Filling --- */

static int add_column(struct run_table *table, const char *name, struct error *error)
{
    char **grown = realloc(table->columns, (table->column_count + 1) * sizeof *grown);
    char *copy = strdup(name);
    if (grown != NULL)
        table->columns = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return error_set(error, "no memory for the column '%s'", name);
    }
    table->columns[table->column_count++] = copy;
    return 0;
}

int run_table_map_column(struct run_table *table, const char *name, size_t guess, size_t *column, struct error *error)
{
    *column = guess;
    if (guess < table->column_count && strcmp(table->columns[guess], name) == 0)
        return 0;
    for (*column = 0; *column < table->column_count; ++*column)
        if (strcmp(table->columns[*column], name) == 0)
            return 0;
    return add_column(table, name, error);
}

int run_table_init(struct run_table *table, struct error *error)
{
    while (table->column_count < FIRST_OTHER_COLUMN)
        if (add_column(table, fixed_names[table->column_count], error) != 0)
            return -1;
    return 0;
}

static int map_cells(struct run_table *table, struct run *run, struct error *error)
{
    size_t column = FIRST_OTHER_COLUMN - 1;
    run->cell_count = table->column_count + run->table.columns;
    run->cells = calloc(run->cell_count, sizeof *run->cells);
    if (run->cells == NULL)
        return error_set(error, "%s: no memory for its fields", run->path);
    for (size_t i = 0; i < run->table.columns; i++) {
        const char *text = table_field(&run->table, 0, i);
        if (run_table_map_column(table, table_column_name(&run->table, i), column + 1, &column, error) != 0)
            return -1;
        if (column == SECONDS_COLUMN)
            return error_set(error, "%s: has the column 'seconds', which belongs into times.tsv", run->path);
        if (column >= STATE_COLUMN && column < FIRST_OTHER_COLUMN)
            return error_set(error, "%s: has the column '%s', which no file of a run has", run->path,
                             fixed_names[column]);
        if (text[0] != '\0' && strcmp(text, "-") != 0)
            run->cells[column] = text;
        if (column == RUN_COLUMN)
            column = FIRST_OTHER_COLUMN - 1;
    }
    if (run->cells[RUN_COLUMN] == NULL)
        return error_set(error, "%s: has no column 'run', or it is empty", run->path);
    return 0;
}

int run_table_append(struct run_table *table, struct run *run, struct error *error)
{
    struct run *grown = array_reserve(table->runs, &table->capacity, table->count + 1, sizeof *grown);
    if (grown == NULL) {
        run_release(run);
        return error_set(error, "no memory for %zu runs", table->count + 1);
    }
    table->runs = grown;
    table->runs[table->count++] = *run;
    return 0;
}

/* Takes over what was found. */
static int add_found(struct run_table *table, struct found_run *found, struct error *error)
{
    struct run run = {.path = found->path, .table = found->table, .state = found->state};
    memcpy(run.seconds, found->seconds, sizeof run.seconds);
    *found = (struct found_run){0};
    if (map_cells(table, &run, error) == 0)
        return run_table_append(table, &run, error);
    run_release(&run);
    return -1;
}

int run_table_add(struct run_table *table, const char *path, bool times, struct error *error)
{
    struct run_scan scan = {0};
    int status = run_table_init(table, error);
    if (status == 0)
        status = run_scan_add(&scan, path, times, error);
    for (size_t i = 0; status == 0 && i < scan.count; i++)
        status = add_found(table, &scan.runs[i], error);
    run_scan_release(&scan);
    return status;
}

/* The length of the part of the path that the run's name is relative to, as of "results/" in "results/T/R/run.tsv", or
 * 0 if the run is not where its name says. */
static size_t root_length(const struct run *run)
{
    const char *name = run->cells[RUN_COLUMN], *slash = strrchr(run->path, '/');
    size_t length = strlen(name), directory = slash != NULL ? (size_t)(slash - run->path) : 0;
    if (directory <= length || run->path[directory - length - 1] != '/' ||
        strncmp(run->path + directory - length, name, length) != 0)
        return 0;
    return directory - length;
}

int run_table_add_names(struct run_table *table, struct error *error)
{
    struct run_tags tags = {0};
    const char *root = "";
    size_t length = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct run *run = &table->runs[i];
        size_t its_length = root_length(run);
        run_id(run->cells[RUN_COLUMN], run->id);
        if (its_length == 0)
            continue;
        if (its_length != length || strncmp(run->path, root, length) != 0) {
            char *directory = strndup(run->path, its_length);
            run_tags_release(&tags);
            int status = directory != NULL ? run_tags_read(&tags, directory, error)
                                           : error_set(error, "no memory for a path");
            free(directory);
            if (status != 0)
                return -1;
            root = run->path;
            length = its_length;
        }
        if (run_tags_join(&tags, run->cells[RUN_COLUMN], &run->texts, error) != 0) {
            run_tags_release(&tags);
            return -1;
        }
        run->cells[TAGS_COLUMN] = run->texts;
    }
    run_tags_release(&tags);
    return 0;
}

/* --- Looking --- */

const char *run_table_cell(const struct run_table *table, size_t run, size_t column)
{
    const struct run *row = &table->runs[run];
    if (column == SECONDS_COLUMN)
        return row->seconds[0] != '\0' ? row->seconds : NULL;
    if (column == STATE_COLUMN)
        return run_state_name(row->state);
    if (column == ID_COLUMN)
        return row->id[0] != '\0' ? row->id : NULL;
    return column < row->cell_count ? row->cells[column] : NULL;
}

/* As it is, or else in capitals, as the names of parameters are. */
static const char *find_nearest(const struct run_table *table, const char *name)
{
    char capitals[64];
    size_t length = strlen(name);
    const char *const *names = (const char *const *)table->columns;
    const char *nearest = number_nearest_name(name, names, table->column_count);
    if (nearest != NULL || length >= sizeof capitals)
        return nearest;
    for (size_t i = 0; i <= length; i++)
        capitals[i] = (char)toupper((unsigned char)name[i]);
    return number_nearest_name(capitals, names, table->column_count);
}

int run_table_find_column(const struct run_table *table, const char *name, size_t *column, struct error *error)
{
    size_t found = table->column_count;
    for (*column = 0; *column < table->column_count; ++*column)
        if (strcmp(table->columns[*column], name) == 0)
            return 0;
    for (*column = 0; *column < table->column_count; ++*column) {
        if (strcasecmp(table->columns[*column], name) != 0)
            continue;
        if (found < table->column_count)
            return error_set(error, "the column '%s' may be '%s' or '%s'", name, table->columns[found],
                             table->columns[*column]);
        found = *column;
    }
    *column = found;
    if (found < table->column_count)
        return 0;
    const char *nearest = find_nearest(table, name);
    if (nearest != NULL)
        return error_set(error, "no run has a column '%s'; the nearest is '%s'", name, nearest);
    return error_set(error, "no run has a column '%s'", name);
}

bool run_table_is_parameter(const struct run_table *table, size_t column)
{
    const char *name = table->columns[column];
    return column >= FIRST_OTHER_COLUMN && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name);
}

bool run_table_is_metric(const struct run_table *table, size_t column)
{
    return column >= FIRST_OTHER_COLUMN ? !run_table_is_parameter(table, column)
                                        : column > RUN_COLUMN && column < SECONDS_COLUMN;
}

static bool equal_cells(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool run_table_differs(const struct run_table *table, size_t column)
{
    for (size_t i = 1; i < table->count; i++)
        if (!equal_cells(run_table_cell(table, 0, column), run_table_cell(table, i, column)))
            return true;
    return false;
}

static bool is_shown_anyway(const char *name)
{
    return strcmp(name, "FILTERS") == 0 || strcmp(name, "EPOCHS") == 0 || strcmp(name, "SEED") == 0;
}

/* What another engine than exact computed is comparable on like machines only: that is never hidden. */
static bool names_other_engine(const struct run_table *table, size_t column)
{
    if (strcmp(table->columns[column], "ENGINE") != 0)
        return false;
    for (size_t run = 0; run < table->count; run++) {
        const char *engine = run_table_cell(table, run, column);
        if (engine != NULL && strcmp(engine, "exact") != 0)
            return true;
    }
    return false;
}

static bool some_not_done(const struct run_table *table)
{
    for (size_t run = 0; run < table->count; run++)
        if (table->runs[run].state != RUN_DONE)
            return true;
    return false;
}

static bool some_tagged(const struct run_table *table)
{
    for (size_t run = 0; run < table->count; run++)
        if (run_table_cell(table, run, TAGS_COLUMN) != NULL)
            return true;
    return false;
}

size_t run_table_usual_parameters(const struct run_table *table, bool brief, size_t *columns)
{
    size_t count = 0;
    bool some_differ = false;
    for (size_t column = FIRST_OTHER_COLUMN; column < table->column_count; column++)
        some_differ = some_differ || (run_table_is_parameter(table, column) && run_table_differs(table, column));
    for (size_t column = FIRST_OTHER_COLUMN; column < table->column_count; column++) {
        if (!run_table_is_parameter(table, column))
            continue;
        if (!brief || names_other_engine(table, column) ||
            (some_differ ? run_table_differs(table, column) : is_shown_anyway(table->columns[column])))
            columns[count++] = column;
    }
    return count;
}

size_t run_table_usual_columns(const struct run_table *table, bool brief, bool people, size_t *columns)
{
    size_t count = 0;
    if (!brief)
        columns[count++] = RUN_COLUMN;
    count += run_table_usual_parameters(table, brief, columns + count);
    for (size_t column = 0; column < table->column_count; column++)
        if (run_table_is_metric(table, column))
            columns[count++] = column;
    if (!people)
        return count;
    columns[count++] = SECONDS_COLUMN;
    if (some_not_done(table))
        columns[count++] = STATE_COLUMN;
    if (some_tagged(table))
        columns[count++] = TAGS_COLUMN;
    columns[count++] = ID_COLUMN;
    return count;
}
