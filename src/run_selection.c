#include "run_selection.h"

#include <stdlib.h>
#include <string.h>

#include "run_group.h"

enum { METRIC_DECIMALS = 4, SECONDS_DECIMALS = 1 };

void run_selection_release(struct run_selection *selection)
{
    free(selection->columns);
    *selection = (struct run_selection){0};
}

static int reserve(struct run_selection *selection, size_t count, struct error *error)
{
    selection->columns = calloc(count + 1, sizeof *selection->columns);
    return selection->columns != NULL ? 0 : error_set(error, "no memory for %zu columns", count);
}

int run_selection_find(const struct run_table *table, const char *name, size_t *column, struct error *error)
{
    char mean[256];
    struct error ignored;
    int length = snprintf(mean, sizeof mean, "%s_mean", name);
    if (length < (int)sizeof mean && run_table_find_column(table, mean, column, &ignored) == 0)
        return 0;
    return run_table_find_column(table, name, column, error);
}

int run_selection_named(struct run_selection *selection, const struct run_table *table, const char *names,
                        struct error *error)
{
    char *copy = strdup(names), *at = copy, *next;
    int status = copy != NULL ? reserve(selection, strlen(names), error) : error_set(error, "no memory for names");
    for (; status == 0 && at != NULL; at = next) {
        next = strchr(at, ',');
        if (next != NULL)
            *next++ = '\0';
        status = run_selection_find(table, at, &selection->columns[selection->count++], error);
    }
    free(copy);
    return status;
}

int run_selection_usual(struct run_selection *selection, const struct run_table *table, bool groups, bool brief,
                        bool people, struct error *error)
{
    if (reserve(selection, table->column_count, error) != 0)
        return -1;
    selection->count = groups ? run_group_usual_columns(table, brief, selection->columns)
                              : run_table_usual_columns(table, brief, people, selection->columns);
    return 0;
}

void run_selection_keep_changed(struct run_selection *selection, const struct run_table *table)
{
    size_t kept = 0;
    for (size_t i = 0; i < selection->count; i++)
        if (selection->columns[i] == RUN_COLUMN || run_table_differs(table, selection->columns[i]))
            selection->columns[kept++] = selection->columns[i];
    selection->count = kept > 0 ? kept : selection->count > 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Of what is no metric, and of how many runs there are, the text stays as it is. */
static int decimals_of(const struct run_table *table, size_t column)
{
    const char *name = table->columns[column];
    if (column == SECONDS_COLUMN)
        return SECONDS_DECIMALS;
    if (!run_table_is_metric(table, column) || strcmp(name, "runs") == 0 || ends_with(name, "_n"))
        return TEXT_TABLE_EXACT;
    return strncmp(name, "seconds_", 8) == 0 ? SECONDS_DECIMALS : METRIC_DECIMALS;
}

int run_selection_write(const struct run_selection *selection, const struct run_table *table, FILE *stream,
                        enum text_table_format format, struct error *error)
{
    size_t columns = selection->count;
    const char **cells = calloc((table->count + 1) * columns + 1, sizeof *cells);
    int *decimals = calloc(columns + 1, sizeof *decimals);
    int status = cells != NULL && decimals != NULL ? 0 : error_set(error, "no memory for %zu columns", columns);
    for (size_t i = 0; status == 0 && i < columns; i++) {
        decimals[i] = decimals_of(table, selection->columns[i]);
        cells[i] = table->columns[selection->columns[i]];
        for (size_t run = 0; run < table->count; run++)
            cells[(run + 1) * columns + i] = run_table_cell(table, run, selection->columns[i]);
    }
    struct text_table output = {columns, table->count, cells, decimals};
    if (status == 0)
        status = text_table_write(&output, stream, format, error);
    free(cells);
    free(decimals);
    return status;
}
