#include "run_revisions.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "same_text.h"

enum { METRIC_DECIMALS = 4, NAME_BYTES = 300 };

void run_revisions_release(struct run_revisions *revisions)
{
    run_table_release(&revisions->table);
    free(revisions->rows);
    *revisions = (struct run_revisions){0};
}

int run_revisions_add(struct run_revisions *revisions, const char *name, const char *directory, struct error *error)
{
    if (revisions->count == REVISIONS_MAX)
        return error_set(error, "more than %d revisions", REVISIONS_MAX);
    for (size_t i = 0; i < revisions->count; i++)
        if (strcmp(revisions->names[i], name) == 0)
            return error_set(error, "the revision '%s' is there twice", name);
    if (run_table_add(&revisions->table, directory, false, error) != 0)
        return error_prefix(error, "%s", name);
    revisions->names[revisions->count] = name;
    revisions->ends[revisions->count++] = revisions->table.count;
    return 0;
}

static size_t revision_of(const struct run_revisions *revisions, size_t run)
{
    size_t revision = 0;
    while (run >= revisions->ends[revision])
        revision++;
    return revision;
}

int run_revisions_join(struct run_revisions *revisions, struct error *error)
{
    const struct run_table *table = &revisions->table;
    struct same_text *names = calloc(table->count + 1, sizeof *names);
    int status = 0;
    revisions->rows = calloc(table->count + 1, sizeof *revisions->rows);
    if (names == NULL || revisions->rows == NULL)
        status = error_set(error, "no memory for %zu runs", table->count);
    for (size_t i = 0; status == 0 && i < table->count; i++)
        names[i] = (struct same_text){run_table_cell(table, i, RUN_COLUMN), i};
    if (status == 0)
        same_text_sort(names, table->count);
    for (size_t i = 0; status == 0 && i < table->count; i++) {
        if (i == 0 || strcmp(names[i].text, names[i - 1].text) != 0) {
            for (size_t revision = 0; revision < REVISIONS_MAX; revision++)
                revisions->rows[revisions->row_count][revision] = NO_RUN;
            revisions->row_count++;
        }
        size_t *place = &revisions->rows[revisions->row_count - 1][revision_of(revisions, names[i].row)];
        if (*place != NO_RUN)
            status = error_set(error, "%s: the run '%s' is there twice", table->runs[names[i].row].path, names[i].text);
        *place = names[i].row;
    }
    free(names);
    return status;
}

static const char *cell_at(const struct run_revisions *revisions, size_t row, size_t revision, size_t column)
{
    size_t run = revisions->rows[row][revision];
    return run != NO_RUN ? run_table_cell(&revisions->table, run, column) : NULL;
}

static bool row_differs(const struct run_revisions *revisions, size_t row, size_t column)
{
    const char *first = cell_at(revisions, row, 0, column);
    for (size_t revision = 1; revision < revisions->count; revision++) {
        const char *other = cell_at(revisions, row, revision, column);
        if ((first == NULL) != (other == NULL) || (first != NULL && strcmp(first, other) != 0))
            return true;
    }
    return false;
}

static bool some_have(const struct run_table *table, size_t column)
{
    for (size_t i = 0; i < table->count; i++)
        if (run_table_cell(table, i, column) != NULL)
            return true;
    return false;
}

/* Whether a run that all revisions have differs. */
static bool some_differ(const struct run_revisions *revisions, size_t column)
{
    for (size_t row = 0; row < revisions->row_count; row++) {
        bool everywhere = true;
        for (size_t revision = 0; revision < revisions->count; revision++)
            everywhere = everywhere && revisions->rows[row][revision] != NO_RUN;
        if (everywhere && row_differs(revisions, row, column))
            return true;
    }
    return false;
}

int run_revisions_usual(const struct run_revisions *revisions, bool brief, struct run_selection *metrics,
                        struct error *error)
{
    const struct run_table *table = &revisions->table;
    metrics->columns = calloc(table->column_count + 1, sizeof *metrics->columns);
    if (metrics->columns == NULL)
        return error_set(error, "no memory for %zu columns", table->column_count);
    for (size_t column = 0; column < table->column_count; column++) {
        bool usual = !brief || column == VAL_ACC_COLUMN || column == TEST_ACC_COLUMN || some_differ(revisions, column);
        if (run_table_is_metric(table, column) && some_have(table, column) && usual)
            metrics->columns[metrics->count++] = column;
    }
    return 0;
}

/* --- Writing --- */

/* The table on its way: cells are filled row by row. */
struct output {
    const char **cells;
    int *decimals;
    char (*names)[NAME_BYTES];  /* of the columns */
    char (*numbers)[32];        /* the differences, one a metric and row */
    size_t *parameters, parameter_count, columns, rows;
};

static void release_output(struct output *output)
{
    free(output->cells);
    free(output->decimals);
    free(output->names);
    free(output->numbers);
    free(output->parameters);
}

static int reserve(struct output *output, const struct run_revisions *revisions, size_t metric_count, bool brief,
                   struct error *error)
{
    size_t rows = revisions->row_count + 1, columns = revisions->table.column_count + 1;
    output->parameters = calloc(columns, sizeof *output->parameters);
    columns += metric_count * (revisions->count + 1) + 1;
    output->cells = calloc(rows * columns, sizeof *output->cells);
    output->decimals = calloc(columns, sizeof *output->decimals);
    output->names = calloc(columns, sizeof *output->names);
    output->numbers = calloc(rows * (metric_count + 1), sizeof *output->numbers);
    if (output->parameters == NULL || output->cells == NULL || output->decimals == NULL || output->names == NULL ||
        output->numbers == NULL)
        return error_set(error, "no memory for %zu rows", rows);
    if (brief)
        output->parameter_count = run_table_usual_parameters(&revisions->table, true, output->parameters);
    output->columns = (brief ? output->parameter_count + 1 : 1) + metric_count * (revisions->count + 1);
    return 0;
}

static void name_columns(struct output *output, const struct run_revisions *revisions,
                         const struct run_selection *metrics, bool brief)
{
    size_t at = 0;
    if (!brief)
        strcpy(output->names[at++], "run");
    for (size_t i = 0; i < output->parameter_count; i++)
        snprintf(output->names[at++], NAME_BYTES, "%s", revisions->table.columns[output->parameters[i]]);
    for (size_t i = 0; i < at; i++)
        output->decimals[i] = TEXT_TABLE_EXACT;
    for (size_t i = 0; i < metrics->count; i++) {
        const char *metric = revisions->table.columns[metrics->columns[i]];
        for (size_t revision = 0; revision <= revisions->count; revision++) {
            output->decimals[at] = METRIC_DECIMALS;
            if (revision < revisions->count)
                snprintf(output->names[at++], NAME_BYTES, "%s@%s", metric, revisions->names[revision]);
            else
                snprintf(output->names[at++], NAME_BYTES, "%s_difference", metric);
        }
    }
    if (brief) {
        output->decimals[at] = TEXT_TABLE_EXACT;
        strcpy(output->names[at], "id");
    }
    for (size_t i = 0; i < output->columns; i++)
        output->cells[i] = output->names[i];
}

static const char *subtract(const char *first, const char *last, char text[32])
{
    double a, b;
    struct error ignored;
    if (first == NULL || last == NULL || number_parse_real(first, -DBL_MAX, DBL_MAX, &a, &ignored) != 0 ||
        number_parse_real(last, -DBL_MAX, DBL_MAX, &b, &ignored) != 0)
        return NULL;
    snprintf(text, 32, "%.9g", b - a);
    return text;
}

static void add_row(struct output *output, const struct run_revisions *revisions, size_t row,
                    const struct run_selection *metrics, bool brief)
{
    const char **cells = output->cells + ++output->rows * output->columns;
    size_t revision = 0, at = 0;
    while (revisions->rows[row][revision] == NO_RUN)
        revision++;
    if (!brief)
        cells[at++] = cell_at(revisions, row, revision, RUN_COLUMN);
    for (size_t i = 0; i < output->parameter_count; i++)
        cells[at++] = cell_at(revisions, row, revision, output->parameters[i]);
    for (size_t i = 0; i < metrics->count; i++) {
        size_t column = metrics->columns[i];
        for (size_t j = 0; j < revisions->count; j++)
            cells[at++] = cell_at(revisions, row, j, column);
        cells[at++] = subtract(cell_at(revisions, row, 0, column),
                               cell_at(revisions, row, revisions->count - 1, column),
                               output->numbers[row * metrics->count + i]);
    }
    if (brief)
        cells[at] = cell_at(revisions, row, revision, ID_COLUMN);
}

static bool any_differs(const struct run_revisions *revisions, size_t row, const struct run_selection *metrics)
{
    for (size_t i = 0; i < metrics->count; i++)
        if (row_differs(revisions, row, metrics->columns[i]))
            return true;
    return false;
}

int run_revisions_write(const struct run_revisions *revisions, const struct run_selection *metrics, bool brief,
                        bool only_changed, FILE *stream, enum text_table_format format, struct error *error)
{
    struct output output = {0};
    int status = reserve(&output, revisions, metrics->count, brief, error);
    if (status == 0) {
        name_columns(&output, revisions, metrics, brief);
        for (size_t row = 0; row < revisions->row_count; row++)
            if (!only_changed || any_differs(revisions, row, metrics))
                add_row(&output, revisions, row, metrics, brief);
        struct text_table table = {output.columns, output.rows, output.cells, output.decimals};
        status = text_table_write(&table, stream, format, error);
    }
    release_output(&output);
    return status;
}
