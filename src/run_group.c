#include "run_group.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "same_text.h"

enum { STATISTIC_N, STATISTIC_MEAN, STATISTIC_SD, STATISTIC_MIN, STATISTIC_MAX, STATISTICS, TEXT_BYTES = 32 };
static const char *const suffixes[STATISTICS] = {"_n", "_mean", "_sd", "_min", "_max"};
static const char count_name[] = "runs";
/* Between the fields of a key, and in the place of a missing one: no field holds a control character. */
static const char separator = '\t', missing = '\n';

struct grouping {
    const struct run_table *runs;
    bool *is_key;             /* a column: it tells groups apart */
    size_t *metrics, metric_count;
    struct same_text *order;  /* the runs by key */
};

static bool some_have(const struct run_table *runs, size_t column)
{
    for (size_t i = 0; i < runs->count; i++)
        if (run_table_cell(runs, i, column) != NULL)
            return true;
    return false;
}

static void choose_columns(struct grouping *grouping, const size_t *over, size_t over_count)
{
    const struct run_table *runs = grouping->runs;
    for (size_t column = 0; column < runs->column_count; column++) {
        grouping->is_key[column] = run_table_is_parameter(runs, column);
        if (run_table_is_metric(runs, column) || (column == SECONDS_COLUMN && some_have(runs, column)))
            grouping->metrics[grouping->metric_count++] = column;
    }
    for (size_t i = 0; i < over_count; i++)
        grouping->is_key[over[i]] = false;
}

/* The fields that tell groups apart, in one text. */
static char *make_key(const struct grouping *grouping, size_t run)
{
    size_t length = 1;
    const struct run_table *runs = grouping->runs;
    for (size_t column = 0; column < runs->column_count; column++) {
        const char *cell = grouping->is_key[column] ? run_table_cell(runs, run, column) : NULL;
        length += 2 + (cell != NULL ? strlen(cell) : 0);
    }
    char *key = malloc(length), *at = key;
    for (size_t column = 0; key != NULL && column < runs->column_count; column++) {
        if (!grouping->is_key[column])
            continue;
        const char *cell = run_table_cell(runs, run, column);
        if (cell != NULL)
            at = stpcpy(at, cell);
        else
            *at++ = missing;
        *at++ = separator;
    }
    if (key != NULL)
        *at = '\0';
    return key;
}

static int add_columns(struct run_table *groups, const struct grouping *grouping, struct error *error)
{
    char name[256];
    size_t column;
    int status = run_table_init(groups, error);
    for (size_t i = 0; status == 0 && i < grouping->runs->column_count; i++)
        if (grouping->is_key[i])
            status = run_table_map_column(groups, grouping->runs->columns[i], groups->column_count, &column, error);
    if (status == 0)
        status = run_table_map_column(groups, count_name, groups->column_count, &column, error);
    for (size_t i = 0; status == 0 && i < grouping->metric_count * STATISTICS; i++) {
        const char *metric = grouping->runs->columns[grouping->metrics[i / STATISTICS]];
        snprintf(name, sizeof name, "%s%s", metric, suffixes[i % STATISTICS]);
        if (strlen(metric) > sizeof name - 8)
            status = error_set(error, "the name of the column '%s' is too long", metric);
        else
            status = run_table_map_column(groups, name, groups->column_count, &column, error);
    }
    return status;
}

/* The values of the group's runs that have one, into `values`; sets *n, and the cells of smallest and largest. */
static int take_values(const struct run_table *runs, size_t column, const struct same_text *rows, size_t count,
                       double *values, size_t *n, const char **cells, struct error *error)
{
    double minimum = INFINITY, maximum = -INFINITY, value;
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        const char *cell = run_table_cell(runs, rows[i].row, column);
        if (cell == NULL)
            continue;
        if (number_parse_real(cell, -DBL_MAX, DBL_MAX, &value, error) != 0)
            return error_prefix(error, "%s: column '%s'", runs->runs[rows[i].row].path, runs->columns[column]);
        values[(*n)++] = value;
        cells[STATISTIC_MIN] = value < minimum ? cell : cells[STATISTIC_MIN];
        cells[STATISTIC_MAX] = value > maximum ? cell : cells[STATISTIC_MAX];
        minimum = value < minimum ? value : minimum;
        maximum = value > maximum ? value : maximum;
    }
    return 0;
}

/* Deviations are taken from the first value, so that equal values have exactly that mean, and the deviation 0. */
static void compute(const double *values, size_t n, double *mean, double *sd)
{
    double sum = 0, rest = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i] - values[0];
    *mean = values[0] + sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        rest += values[i] - *mean;
        squares += (values[i] - *mean) * (values[i] - *mean);
    }
    *sd = sqrt((squares - rest * rest / (double)n) / (double)(n - 1));
}

/* cells: STATISTICS; texts: room for the first three. */
static int add_statistics(const struct run_table *runs, size_t column, const struct same_text *rows, size_t count,
                          const char **cells, char (*texts)[TEXT_BYTES], struct error *error)
{
    size_t n = 0;
    double mean, sd, *values = calloc(count, sizeof *values);
    int status = values != NULL ? take_values(runs, column, rows, count, values, &n, cells, error)
                                : error_set(error, "no memory for %zu values", count);
    if (status == 0) {
        snprintf(texts[STATISTIC_N], TEXT_BYTES, "%zu", n);
        cells[STATISTIC_N] = texts[STATISTIC_N];
    }
    if (status == 0 && n > 0) {
        compute(values, n, &mean, &sd);
        snprintf(texts[STATISTIC_MEAN], TEXT_BYTES, "%.9g", mean);
        snprintf(texts[STATISTIC_SD], TEXT_BYTES, "%.9g", sd);
        cells[STATISTIC_MEAN] = texts[STATISTIC_MEAN];
        cells[STATISTIC_SD] = n > 1 ? texts[STATISTIC_SD] : NULL;
    }
    free(values);
    return status;
}

static int add_group(struct run_table *groups, const struct grouping *grouping, const struct same_text *rows,
                     size_t count, struct error *error)
{
    struct run group = {.state = RUN_DONE, .cell_count = groups->column_count};
    size_t column = FIRST_OTHER_COLUMN;
    group.cells = calloc(group.cell_count, sizeof *group.cells);
    group.texts = calloc(1 + grouping->metric_count * STATISTIC_MIN, TEXT_BYTES);
    int status = group.cells != NULL && group.texts != NULL ? 0 : error_set(error, "no memory for a group");
    for (size_t i = 0; status == 0 && i < grouping->runs->column_count; i++)
        if (grouping->is_key[i])
            group.cells[column++] = run_table_cell(grouping->runs, rows[0].row, i);
    char (*texts)[TEXT_BYTES] = (char (*)[TEXT_BYTES])group.texts;
    if (status == 0) {
        snprintf(texts[0], TEXT_BYTES, "%zu", count);
        group.cells[column++] = texts[0];
    }
    for (size_t i = 0; status == 0 && i < grouping->metric_count; i++)
        status = add_statistics(grouping->runs, grouping->metrics[i], rows, count,
                                group.cells + column + i * STATISTICS, texts + 1 + i * STATISTIC_MIN, error);
    if (status == 0)
        return run_table_append(groups, &group, error);
    run_release(&group);
    return status;
}

/* By the run that comes first in each. */
struct group_range {
    size_t first_row, start, count;
};

static int compare_ranges(const void *a, const void *b)
{
    const struct group_range *left = a, *right = b;
    return (left->first_row > right->first_row) - (left->first_row < right->first_row);
}

static int add_groups(struct run_table *groups, struct grouping *grouping, struct error *error)
{
    size_t count = grouping->runs->count, range_count = 0;
    struct group_range *ranges = calloc(count + 1, sizeof *ranges);
    int status = ranges != NULL ? 0 : error_set(error, "no memory for %zu groups", count);
    same_text_sort(grouping->order, count);
    for (size_t i = 0; status == 0 && i < count; i++) {
        if (i == 0 || strcmp(grouping->order[i].text, grouping->order[i - 1].text) != 0)
            ranges[range_count++] = (struct group_range){grouping->order[i].row, i, 0};
        ranges[range_count - 1].count++;
    }
    if (range_count > 1)
        qsort(ranges, range_count, sizeof *ranges, compare_ranges);
    for (size_t i = 0; status == 0 && i < range_count; i++)
        status = add_group(groups, grouping, grouping->order + ranges[i].start, ranges[i].count, error);
    free(ranges);
    return status;
}

int run_group(struct run_table *groups, const struct run_table *runs, const size_t *over, size_t over_count,
              struct error *error)
{
    struct grouping grouping = {runs, calloc(runs->column_count + 1, sizeof *grouping.is_key),
                                calloc(runs->column_count + 1, sizeof *grouping.metrics), 0,
                                calloc(runs->count + 1, sizeof *grouping.order)};
    int status = 0;
    if (grouping.is_key != NULL && grouping.metrics != NULL && grouping.order != NULL)
        choose_columns(&grouping, over, over_count);
    else
        status = error_set(error, "no memory for groups of %zu runs", runs->count);
    for (size_t i = 0; status == 0 && i < runs->count; i++) {
        grouping.order[i] = (struct same_text){make_key(&grouping, i), i};
        if (grouping.order[i].text == NULL)
            status = error_set(error, "no memory for groups of %zu runs", runs->count);
    }
    if (status == 0)
        status = add_columns(groups, &grouping, error);
    if (status == 0)
        status = add_groups(groups, &grouping, error);
    for (size_t i = 0; grouping.order != NULL && i < runs->count; i++)
        free((char *)grouping.order[i].text);
    free(grouping.order);
    free(grouping.metrics);
    free(grouping.is_key);
    if (status != 0)
        run_table_release(groups);
    return status;
}

/* Whether some of the groups' runs lack the metric that the column counts. */
static bool some_lack(const struct run_table *groups, size_t runs_column, size_t column)
{
    for (size_t i = 0; i < groups->count; i++)
        if (strcmp(run_table_cell(groups, i, runs_column), run_table_cell(groups, i, column)) != 0)
            return true;
    return false;
}

size_t run_group_usual_columns(const struct run_table *groups, bool brief, size_t *columns)
{
    size_t count = run_table_usual_parameters(groups, brief, columns), first = FIRST_OTHER_COLUMN;
    while (strcmp(groups->columns[first], count_name) != 0)
        first++;
    columns[count++] = first;
    for (size_t column = first + 1; column < groups->column_count; column++) {
        size_t statistic = (column - first - 1) % STATISTICS;
        const char *name = groups->columns[column];
        bool is_accuracy = strncmp(name, "val_acc_", 8) == 0 || strncmp(name, "test_acc_", 9) == 0;
        if (!brief || (is_accuracy && (statistic != STATISTIC_N || some_lack(groups, first, column))))
            columns[count++] = column;
    }
    return count;
}
