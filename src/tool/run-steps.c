/* Prints the record of a run: what it was made from, by what, step by step, with the digest of every file. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "run_steps.h"
#include "text_file.h"

static const char details[] =
    "Prints a run's record.json: its parameters, and from the records beside the files (.made/) all steps that led to\n"
    "the OUTPUTs, with the sha256 of every file and tool. It depends on nothing else: neither on the time nor the place.\n"
    "\n"
    "example: run-steps --run=A/B --parameters=results/A/B/parameters.mk --data=data/prepared/demo/clips.tsv \\\n"
    "    results/A/B/log.csv results/A/B/test_scores.json";

/* Lines NAME = VALUE. */
static json_t *read_parameters(const char *path)
{
    struct error error;
    char *text, *rest, *line;
    size_t size;
    json_t *parameters = json_object();
    if (text_file_read(path, &text, &size, &error) != 0)
        die_error(&error);
    for (rest = text; (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        char *value = strstr(line, " = ");
        if (value == NULL)
            die("%s: found '%s', expected NAME = VALUE", path, line);
        *value = '\0';
        value += strlen(" = ");
        if (json_object_set_new(parameters, line, json_string(value)) != 0)
            die("%s: the value of %s is no text in UTF-8", path, line);
    }
    free(text);
    return parameters;
}

int main(int argc, char **argv)
{
    const char *run = NULL, *parameters = NULL, *data = NULL;
    const struct option options[] = {
        {"run", OPTION_TEXT, &run, 0, 0, "TRAINING/RUN", "the run's name; required"},
        {"parameters", OPTION_TEXT, &parameters, 0, 0, "FILE", "lines NAME = VALUE; required"},
        {"data", OPTION_TEXT, &data, 0, 0, "FILE", "the list of the data set's clips, where the record begins; required"},
        {0}};
    const struct command command = {"run-steps", "OUTPUT...", "Prints the record of how a run was made.", details,
                                    options, 1, -1};
    struct error error;
    int first = command_line_parse(&command, argc, argv);
    if (run == NULL || parameters == NULL || data == NULL)
        die_usage("--run, --parameters and --data must be given");
    json_t *steps = run_steps_gather(argv + first, (size_t)(argc - first), data, &error);
    if (steps == NULL)
        die_error(&error);
    json_t *record = json_pack("{s:s, s:s, s:o}", "format", "bitfast-run-1", "run", run, "parameters",
                               read_parameters(parameters));
    if (record == NULL)
        die("--run: is no text in UTF-8");
    json_object_update(record, steps);
    if (json_dumpf(record, stdout, JSON_INDENT(1)) != 0)
        die("cannot write to standard output: %s", strerror(errno));
    putchar('\n');
    json_decref(record);
    json_decref(steps);
    return close_output();
}
