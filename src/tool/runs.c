#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "command_line.h"
#include "run_difference.h"
#include "run_group.h"
#include "run_query.h"
#include "run_selection.h"

enum { FILTERS_MAX = 64, TOP_MAX = 1000000000 };

static const char details[] =
    "RECORD is a run's directory, its run.tsv, or a directory with runs below it [results]. Each run is a row: its\n"
    "parameters, the last epoch's losses and accuracies, the test's, the seconds that its steps took (a sum over\n"
    "times.tsv), its state (done, running, interrupted, changed), its tags and its id, by which it may be called.\n"
    "For people (text, markdown) only the parameters that differ are shown (all equal: FILTERS, EPOCHS, SEED; always\n"
    "an ENGINE other than exact), metrics with 4 decimals; the other formats have every column with its exact text,\n"
    "but seconds, state, tags and id only if --columns names them. A value that a run lacks is '-' (JSON: null).\n"
    "CONDITIONS are NAME OP VALUE, several separated by spaces, OP one of = != < <= > >=; names in any case.\n"
    "--group-by makes one row of the runs that agree in all other parameters: how many, and of each metric NAME_n,\n"
    "NAME_mean, NAME_sd (of the sample), NAME_min, NAME_max; NAME alone is its mean.\n"
    "'runs show RUN' is runs-show, and so are 'runs diff A B', 'runs tag NAME RUN' and 'runs checkout RUN FILE'.\n"
    "\n"
    "example: runs --filter='filters>=16 val_acc>0.7' --sort=val_acc --reverse --top=5\n"
    "         runs --group-by=seed --sort=test_acc results";

struct settings {
    const char *format, *columns, *sort, *group_by, *filters[FILTERS_MAX + 1];
    bool all_columns, only_changed, reverse, best, diff;
    int64_t top;
};

/* `runs show` is the tool runs-show, beside this one or on PATH. */
static void run_other_tool(char **argv)
{
    static const char *const words[] = {"show", "diff", "tag", "checkout"};
    for (size_t i = 0; argv[1] != NULL && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(argv[1], words[i]) != 0)
            continue;
        char *tool = allocate_or_die(strlen(argv[0]) + strlen(words[i]) + 2, 1);
        sprintf(tool, "%s-%s", argv[0], words[i]);
        argv[1] = tool;
        execvp(tool, argv + 1);
        fprintf(stderr, "runs: cannot run '%s': %s; make build makes it\n", tool, strerror(errno));
        exit(1);
    }
}

static bool names(const char *text, const char *column)
{
    for (; text != NULL && *text != '\0'; text++)
        if (strncasecmp(text, column, strlen(column)) == 0)
            return true;
    return false;
}

static bool for_people(const struct settings *settings)
{
    return strcmp(settings->format, "text") == 0 || strcmp(settings->format, "markdown") == 0;
}

/* Times and tags are in files of their own, read only if someone asks. */
static bool needs(const struct settings *settings, const char *column)
{
    bool needed = settings->columns != NULL ? names(settings->columns, column) : for_people(settings);
    for (size_t i = 0; settings->filters[i] != NULL; i++)
        needed = needed || names(settings->filters[i], column);
    return needed || names(settings->sort, column);
}

static void read_runs(struct run_table *table, char *const *paths, const struct settings *settings)
{
    static char *const usual[] = {"results", NULL};
    struct error error;
    for (paths = *paths != NULL ? paths : usual; *paths != NULL; paths++)
        if (run_table_add(table, *paths, needs(settings, "seconds"), &error) != 0)
            die_error(&error);
    if ((needs(settings, "tags") || needs(settings, "id")) && run_table_add_names(table, &error) != 0)
        die_error(&error);
    for (size_t i = 0; settings->filters[i] != NULL; i++)
        if (run_table_filter(table, settings->filters[i], &error) != 0)
            die_usage("--filter: %s", error.message);
}

static void group_runs(struct run_table *groups, const struct run_table *table, const char *column_names)
{
    struct error error;
    struct run_selection over = {0};
    if (run_selection_named(&over, table, column_names, &error) != 0)
        die_usage("--group-by: %s", error.message);
    for (size_t i = 0; i < over.count; i++)
        if (!run_table_is_parameter(table, over.columns[i]))
            die_usage("--group-by: '%s' is not a parameter", table->columns[over.columns[i]]);
    if (run_group(groups, table, over.columns, over.count, &error) != 0)
        die_error(&error);
    run_selection_release(&over);
}

static void sort_and_limit(struct run_table *table, const struct settings *settings)
{
    struct error error;
    size_t column = VAL_ACC_COLUMN;
    if (settings->sort != NULL && run_selection_find(table, settings->sort, &column, &error) != 0)
        die_usage("--sort: %s", error.message);
    if ((settings->best || settings->sort != NULL) &&
        run_table_sort(table, column, settings->best || settings->reverse, &error) != 0)
        die_error(&error);
    if (settings->best && (table->count == 0 || run_table_cell(table, 0, VAL_ACC_COLUMN) == NULL))
        die("no run has a val_acc, so none is the best");
    if (settings->best || settings->top > 0)
        run_table_limit(table, settings->best ? 1 : (size_t)settings->top);
}

static struct run_selection select_columns(const struct run_table *table, const struct settings *settings)
{
    struct run_selection selection = {0};
    struct error error;
    bool people = for_people(settings) && !settings->diff;
    if (settings->columns != NULL && run_selection_named(&selection, table, settings->columns, &error) != 0)
        die_usage("--columns: %s", error.message);
    if (settings->columns == NULL &&
        run_selection_usual(&selection, table, settings->group_by != NULL,
                            people && !settings->all_columns, people, &error) != 0)
        die_error(&error);
    if (settings->only_changed)
        run_selection_keep_changed(&selection, table);
    return selection;
}

static void print_difference(const struct run_table *table, const struct run_selection *selection,
                             enum text_table_format format)
{
    struct error error;
    struct run_difference difference = {0};
    if (table->count != 2)
        die("--diff compares two runs, found %zu", table->count);
    if (run_difference_add_runs(&difference, table, selection->columns, selection->count, &error) != 0 ||
        run_difference_write(&difference, false, stdout, format, &error) != 0)
        die_error(&error);
    run_difference_release(&difference);
}

static void check_settings(const struct settings *settings)
{
    bool ordered = settings->sort != NULL || settings->reverse || settings->top != 0;
    if (settings->best && (ordered || settings->diff || settings->group_by != NULL))
        die_usage("--best goes with neither --sort, --reverse, --top, --diff nor --group-by");
    if (settings->diff && (ordered || settings->group_by != NULL))
        die_usage("--diff goes with neither --sort, --reverse, --top nor --group-by");
    if (settings->reverse && settings->sort == NULL)
        die_usage("--reverse goes with --sort");
    if (settings->columns != NULL && settings->all_columns)
        die_usage("--columns and --all-columns exclude each other");
}

int main(int argc, char **argv)
{
    struct settings settings = {.format = "text"};
    const struct option options[] = {
        {"format", OPTION_CHOICE, &settings.format, 0, 0, TEXT_TABLE_FORMATS, "how to write the table"},
        {"columns", OPTION_TEXT, &settings.columns, 0, 0, "A,B,...", "only these columns, in this order"},
        {"all-columns", OPTION_FLAG, &settings.all_columns, 0, 0, NULL, "for people too, all columns"},
        {"only-changed", OPTION_FLAG, &settings.only_changed, 0, 0, NULL, "only columns that differ"},
        {"filter", OPTION_TEXTS, settings.filters, 0, FILTERS_MAX, "CONDITIONS", "only runs where all hold"},
        {"group-by", OPTION_TEXT, &settings.group_by, 0, 0, "A,B,...", "one row for runs that differ only in these"},
        {"sort", OPTION_TEXT, &settings.sort, 0, 0, "COLUMN", "smallest first; runs without a value last"},
        {"reverse", OPTION_FLAG, &settings.reverse, 0, 0, NULL, "with --sort: largest first"},
        {"top", OPTION_INTEGER, &settings.top, 0, TOP_MAX, "N", "only the first N rows; 0 is all"},
        {"best", OPTION_FLAG, &settings.best, 0, 0, NULL, "the first by val_acc: chosen without the test's scores"},
        {"diff", OPTION_FLAG, &settings.diff, 0, 0, NULL, "where two rows differ: name, first, second, difference"},
        {0}};
    const struct command command = {"runs", "[list] [RECORD...]", "Prints the table of experiments.", details, options,
                                    0, -1};
    struct run_table table = {0}, groups = {0};
    struct error error;
    run_other_tool(argv);
    int list = argc > 1 && strcmp(argv[1], "list") == 0;
    int at = list + command_line_parse(&command, argc - list, argv + list);
    check_settings(&settings);
    read_runs(&table, argv + at, &settings);
    if (settings.group_by != NULL)
        group_runs(&groups, &table, settings.group_by);
    struct run_table *shown = settings.group_by != NULL ? &groups : &table;
    struct run_selection selection = select_columns(shown, &settings);
    sort_and_limit(shown, &settings);
    enum text_table_format format = text_table_format_named(settings.format);
    if (settings.diff)
        print_difference(shown, &selection, format);
    else if (run_selection_write(&selection, shown, stdout, format, &error) != 0)
        die_error(&error);
    run_selection_release(&selection);
    run_table_release(&groups);
    run_table_release(&table);
    return close_output();
}
