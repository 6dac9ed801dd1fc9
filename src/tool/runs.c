#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "run_difference.h"
#include "text_table.h"

enum { FILTERS_MAX = 64, TOP_MAX = 1000000000, METRIC_DECIMALS = 4, SECONDS_DECIMALS = 1 };

static const char details[] =
    "RECORD is a run's directory, its run.tsv, or a directory with runs below it. Each run is a row: its parameters,\n"
    "the last epoch's losses and accuracies, the test's, and the seconds that its steps took (a sum over times.tsv).\n"
    "As text only the parameters that differ are shown (all equal: FILTERS, EPOCHS, SEED; always an ENGINE other than\n"
    "exact), metrics with 4 decimals; the other formats have every column with its exact text, but seconds only if\n"
    "--columns names it. A value that a run lacks is '-' (JSON: null).\n"
    "EXPR is NAME OP VALUE, OP one of = != < <= > >=.\n"
    "\n"
    "example: runs --filter='FILTERS>=16' --sort=val_acc --reverse results";

struct settings {
    const char *format, *columns, *sort, *filters[FILTERS_MAX + 1];
    bool all_columns, reverse, best, diff;
    int64_t top;
};

struct selection {
    size_t *columns;
    size_t count;
};

/* Names that the user gave are usage; columns are known only after reading. */
static size_t find_column(const struct run_table *table, const char *option, const char *name)
{
    struct error error;
    size_t column;
    if (run_table_find_column(table, name, &column, &error) != 0)
        die_usage("--%s: %s", option, error.message);
    return column;
}

static struct selection select_named(const struct run_table *table, const char *names)
{
    char *copy = allocate_or_die(strlen(names) + 1, 1), *at = strcpy(copy, names), *next;
    struct selection selection = {allocate_or_die(strlen(names) + 1, sizeof *selection.columns), 0};
    for (; at != NULL; at = next) {
        next = strchr(at, ',');
        if (next != NULL)
            *next++ = '\0';
        selection.columns[selection.count++] = find_column(table, "columns", at);
    }
    free(copy);
    return selection;
}

static void write_or_die(const struct text_table *output, enum text_table_format format)
{
    struct error error;
    if (text_table_write(output, stdout, format, &error) != 0)
        die_error(&error);
}

static void print_runs(const struct run_table *table, struct selection selection, enum text_table_format format)
{
    const char **cells = allocate_or_die((table->count + 1) * selection.count, sizeof *cells);
    int *decimals = allocate_or_die(selection.count, sizeof *decimals);
    for (size_t i = 0; i < selection.count; i++) {
        size_t column = selection.columns[i];
        bool is_metric = column > RUN_COLUMN && column < SECONDS_COLUMN;
        decimals[i] = is_metric ? METRIC_DECIMALS : column == SECONDS_COLUMN ? SECONDS_DECIMALS : TEXT_TABLE_EXACT;
        cells[i] = table->columns[column];
        for (size_t run = 0; run < table->count; run++)
            cells[(run + 1) * selection.count + i] = run_table_cell(table, run, column);
    }
    struct text_table output = {selection.count, table->count, cells, decimals};
    write_or_die(&output, format);
    free(cells);
    free(decimals);
}

static void print_difference(const struct run_table *table, struct selection selection, enum text_table_format format)
{
    struct error error;
    struct run_difference difference;
    if (table->count != 2)
        die("--diff compares two runs, found %zu", table->count);
    if (run_difference_init(&difference, table, selection.columns, selection.count, &error) != 0)
        die_error(&error);
    write_or_die(&difference.table, format);
    run_difference_release(&difference);
}

static enum text_table_format find_format(const char *name)
{
    static const char *const names[] = {[TEXT_TABLE_TEXT] = "text", [TEXT_TABLE_TSV] = "tsv",
                                        [TEXT_TABLE_CSV] = "csv", [TEXT_TABLE_JSON] = "json"};
    int format = 0;
    while (strcmp(names[format], name) != 0)
        format++;
    return (enum text_table_format)format;
}

static struct selection select_columns(const struct run_table *table, const struct settings *settings)
{
    if (settings->columns != NULL)
        return select_named(table, settings->columns);
    bool is_text = strcmp(settings->format, "text") == 0;
    struct selection selection = {allocate_or_die(table->column_count, sizeof *selection.columns), 0};
    selection.count = run_table_usual_columns(table, is_text && !settings->all_columns && !settings->diff, is_text,
                                              selection.columns);
    return selection;
}

/* Times are in files of their own, which cost as much to read as all the rest. */
static bool needs_times(const struct settings *settings)
{
    static const char name[] = "seconds";
    bool needed = settings->columns != NULL ? strstr(settings->columns, name) != NULL
                                            : strcmp(settings->format, "text") == 0;
    for (size_t i = 0; settings->filters[i] != NULL; i++)
        needed = needed || strncmp(settings->filters[i], name, strlen(name)) == 0;
    return needed || (settings->sort != NULL && strcmp(settings->sort, name) == 0);
}

static void read_runs(struct run_table *table, char *const *paths, const struct settings *settings)
{
    struct error error;
    for (; *paths != NULL; paths++)
        if (run_table_add(table, *paths, &error) != 0)
            die_error(&error);
    if (needs_times(settings) && run_table_read_times(table, &error) != 0)
        die_error(&error);
    for (size_t i = 0; settings->filters[i] != NULL; i++)
        if (run_table_filter(table, settings->filters[i], &error) != 0)
            die_usage("--filter: %s", error.message);
}

static void sort_and_limit(struct run_table *table, const struct settings *settings)
{
    struct error error;
    size_t column = settings->best          ? VAL_ACC_COLUMN
                    : settings->sort != NULL ? find_column(table, "sort", settings->sort)
                                             : RUN_COLUMN;
    if ((settings->best || settings->sort != NULL) &&
        run_table_sort(table, column, settings->best || settings->reverse, &error) != 0)
        die_error(&error);
    if (settings->best && (table->count == 0 || run_table_cell(table, 0, VAL_ACC_COLUMN) == NULL))
        die("no run has a val_acc, so none is the best");
    if (settings->best || settings->top > 0)
        run_table_limit(table, settings->best ? 1 : (size_t)settings->top);
}

static void check_settings(const struct settings *settings)
{
    bool ordered = settings->sort != NULL || settings->reverse || settings->top != 0;
    if (settings->best && (ordered || settings->diff))
        die_usage("--best goes with neither --sort, --reverse, --top nor --diff");
    if (settings->diff && ordered)
        die_usage("--diff goes with neither --sort, --reverse nor --top");
    if (settings->reverse && settings->sort == NULL)
        die_usage("--reverse goes with --sort");
    if (settings->columns != NULL && settings->all_columns)
        die_usage("--columns and --all-columns exclude each other");
}

int main(int argc, char **argv)
{
    struct settings settings = {.format = "text"};
    const struct option options[] = {
        {"format", OPTION_CHOICE, &settings.format, 0, 0, "text|tsv|csv|json", "how to write the table"},
        {"columns", OPTION_TEXT, &settings.columns, 0, 0, "A,B,...", "only these columns, in this order"},
        {"all-columns", OPTION_FLAG, &settings.all_columns, 0, 0, NULL, "as text too, all columns"},
        {"filter", OPTION_TEXTS, settings.filters, 0, FILTERS_MAX, "EXPR", "only runs where it holds; may be repeated"},
        {"sort", OPTION_TEXT, &settings.sort, 0, 0, "COLUMN", "smallest first; runs without a value last"},
        {"reverse", OPTION_FLAG, &settings.reverse, 0, 0, NULL, "with --sort: largest first"},
        {"top", OPTION_INTEGER, &settings.top, 0, TOP_MAX, "N", "only the first N rows; 0 is all"},
        {"best", OPTION_FLAG, &settings.best, 0, 0, NULL, "the first by val_acc: chosen without the test's scores"},
        {"diff", OPTION_FLAG, &settings.diff, 0, 0, NULL, "where two runs differ: name, first, second, difference"},
        {0}};
    const struct command command = {"runs", "RECORD...", "Prints the table of experiments.", details, options, 1, -1};
    struct run_table table = {0};
    int at = command_line_parse(&command, argc, argv);
    check_settings(&settings);
    read_runs(&table, argv + at, &settings);
    struct selection selection = select_columns(&table, &settings);
    sort_and_limit(&table, &settings);
    if (settings.diff)
        print_difference(&table, selection, find_format(settings.format));
    else
        print_runs(&table, selection, find_format(settings.format));
    free(selection.columns);
    run_table_release(&table);
    return close_output();
}
