#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "run_revisions.h"

static const char details[] =
    "Each DIRECTORY holds the runs of one revision; NAME is what it is called. A run is a row; each metric has a\n"
    "column for every revision, METRIC@NAME, and METRIC_difference, the last minus the first. For people (text,\n"
    "markdown) the metrics are val_acc, test_acc and those in which a run differs, with 4 decimals; the other formats\n"
    "have all, with their exact text. 'make metrics REVS=\"baseline HEAD\"' takes the directories out of git.\n"
    "\n"
    "example: compare-metrics before=old/results now=results";

int main(int argc, char **argv)
{
    const char *format_name = "text", *columns = NULL;
    bool only_changed = false;
    const struct option options[] = {
        {"format", OPTION_CHOICE, &format_name, 0, 0, TEXT_TABLE_FORMATS, "how to write the table"},
        {"columns", OPTION_TEXT, &columns, 0, 0, "A,B,...", "only these metrics"},
        {"only-changed", OPTION_FLAG, &only_changed, 0, 0, NULL, "only runs that differ"},
        {0}};
    const struct command command = {"compare-metrics", "NAME=DIRECTORY...", "Compares runs' metrics across revisions.",
                                    details, options, 2, REVISIONS_MAX};
    struct run_revisions revisions = {0};
    struct run_selection metrics = {0};
    struct error error;
    int at = command_line_parse(&command, argc, argv);
    for (int i = at; i < argc; i++)
        if (strchr(argv[i], '=') == NULL || argv[i][0] == '=')
            die_usage("'%s' is not NAME=DIRECTORY", argv[i]);
    for (int i = at; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        *equals = '\0';
        if (run_revisions_add(&revisions, argv[i], equals + 1, &error) != 0)
            die_error(&error);
    }
    enum text_table_format format = text_table_format_named(format_name);
    bool brief = format == TEXT_TABLE_TEXT || format == TEXT_TABLE_MARKDOWN;
    if (run_revisions_join(&revisions, &error) != 0 || run_table_add_names(&revisions.table, &error) != 0)
        die_error(&error);
    if (columns != NULL && run_selection_named(&metrics, &revisions.table, columns, &error) != 0)
        die_usage("--columns: %s", error.message);
    if ((columns == NULL && run_revisions_usual(&revisions, brief, &metrics, &error) != 0) ||
        run_revisions_write(&revisions, &metrics, brief, only_changed, stdout, format, &error) != 0)
        die_error(&error);
    run_selection_release(&metrics);
    run_revisions_release(&revisions);
    return close_output();
}
