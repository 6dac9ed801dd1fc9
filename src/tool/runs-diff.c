#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_line.h"
#include "digest.h"
#include "run_difference.h"
#include "run_file.h"
#include "run_name.h"
#include "run_provenance.h"
#include "text_table.h"


static const char details[] =
    "Prints where two runs differ: parameters, metrics, the tools and the data that they were made from (sha256),\n"
    "versions of libraries and compiler, the machine, and the code (revision, whether it was changed since, and the\n"
    "sha256 of what was). What one run has no record of is '-'. A and B are named as for runs show.\n"
    "\n"
    "example: runs diff baseline 1f3a";

struct side {
    struct run_place place;
    struct run_provenance provenance;
};

static void add(struct run_difference *difference, const char *what, const char *name, const char *first,
                const char *second)
{
    struct error error;
    if (run_difference_add(difference, what, name, first, second, &error) != 0)
        die_error(&error);
}

static void add_table(struct run_difference *difference, const struct side *a, const struct side *b)
{
    struct run_table table = {0};
    struct error error;
    if (run_table_add(&table, a->place.directory, false, &error) != 0 ||
        run_table_add(&table, b->place.directory, false, &error) != 0)
        die_error(&error);
    for (int metrics = 0; metrics < 2; metrics++)
        for (size_t column = 0; column < table.column_count; column++)
            if (metrics ? run_table_is_metric(&table, column) : run_table_is_parameter(&table, column))
                add(difference, metrics ? "metric" : "parameter", table.columns[column],
                    run_table_cell(&table, 0, column), run_table_cell(&table, 1, column));
    run_table_release(&table);
}

/* Of two lists of {path, sha256}, those of the first, then what only the second has. */
static void add_digests(struct run_difference *difference, const char *what, const char *name, const struct side *a,
                        const struct side *b)
{
    size_t i;
    json_t *file, *first = json_object_get(a->provenance.record, name);
    json_t *second = json_object_get(b->provenance.record, name);
    json_array_foreach(first, i, file) {
        const char *path = json_string_value(json_object_get(file, "path"));
        add(difference, what, path, json_string_value(json_object_get(file, "sha256")),
            run_provenance_digest(second, path));
    }
    json_array_foreach(second, i, file) {
        const char *path = json_string_value(json_object_get(file, "path"));
        if (run_provenance_digest(first, path) == NULL)
            add(difference, what, path, NULL, json_string_value(json_object_get(file, "sha256")));
    }
}

static char *text_of(const json_t *value)
{
    if (value == NULL || json_is_null(value))
        return NULL;
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                 : json_is_boolean(value) ? strdup(json_is_true(value) ? "yes" : "no")
                                          : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (text == NULL)
        die("no memory for a value");
    return text;
}

static void add_value(struct run_difference *difference, const char *what, const char *name, const json_t *a,
                      const json_t *b)
{
    char *first = text_of(json_object_get(a, name)), *second = text_of(json_object_get(b, name));
    add(difference, what, name, first, second);
    free(first);
    free(second);
}

static void add_versions(struct run_difference *difference, const json_t *a, const json_t *b)
{
    const char *name;
    json_t *value, *first = json_object_get(a, "libraries"), *second = json_object_get(b, "libraries");
    add_value(difference, "version", "compiler", a, b);
    json_object_foreach(first, name, value) {
        add_value(difference, "version", name, first, second);
    }
    json_object_foreach(second, name, value) {
        if (json_object_get(first, name) == NULL)
            add_value(difference, "version", name, first, second);
    }
}

/* The sha256 of the changes of the code that were kept with the run; false if there were none. */
static bool digest_changes(const struct side *side, char sha256[DIGEST_TEXT_BYTES])
{
    struct error error;
    const char *name = json_string_value(
        json_object_get(json_object_get(side->provenance.environment, "code"), "diff"));
    if (name == NULL)
        return false;
    char *path = run_file_join(side->place.directory, name, &error);
    int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        die("cannot open '%s', which environment.json names", path != NULL ? path : name);
    if (digest_file(file, sha256, &error) != 0)
        die("%s: %s", path, error.message);
    close(file);
    free(path);
    return true;
}

static void add_environment(struct run_difference *difference, const struct side *a, const struct side *b)
{
    static const char *const machine[] = {"cpu", "kernels", "system"};
    char first[DIGEST_TEXT_BYTES], second[DIGEST_TEXT_BYTES];
    json_t *left = a->provenance.environment, *right = b->provenance.environment;
    add_versions(difference, left, right);
    for (size_t i = 0; i < sizeof machine / sizeof machine[0]; i++)
        add_value(difference, "machine", machine[i], left, right);
    add_value(difference, "code", "revision", json_object_get(left, "code"), json_object_get(right, "code"));
    add_value(difference, "code", "dirty", json_object_get(left, "code"), json_object_get(right, "code"));
    add(difference, "code", "diff", digest_changes(a, first) ? first : NULL, digest_changes(b, second) ? second : NULL);
}

static void read_side(struct side *side, const char *results, const char *name)
{
    struct error error;
    if (run_place_find(&side->place, results, name, &error) != 0 ||
        run_provenance_read(&side->provenance, side->place.directory, &error) != 0)
        die_error(&error);
}

static void release_side(struct side *side)
{
    run_place_release(&side->place);
    run_provenance_release(&side->provenance);
}

/* For people only: what could not be compared, so that nobody takes it for the same. */
static void print_notes(const struct run_difference *difference, const struct side *a, const struct side *b)
{
    bool records = a->provenance.record != NULL || b->provenance.record != NULL;
    bool environments = a->provenance.environment != NULL || b->provenance.environment != NULL;
    if (difference->count == 0)
        printf("no difference in parameters, metrics%s%s\n", records ? ", tools, data" : "",
               environments ? ", versions, machine, code" : "");
    if (!records)
        puts("not compared: tools, data (neither run has a record.json)");
    if (!environments)
        puts("not compared: versions, machine, code (neither run has an environment.json)");
}

int main(int argc, char **argv)
{
    const char *format_name = "text", *results = "results";
    const struct option options[] = {
        {"format", OPTION_CHOICE, &format_name, 0, 0, TEXT_TABLE_FORMATS, "how to write the table"},
        {"results", OPTION_TEXT, &results, 0, 0, "DIRECTORY", "where runs and tags are looked for"},
        {0}};
    const struct command command = {"runs-diff", "A B", "Prints where two runs differ.", details, options, 2, 2};
    struct run_difference difference = {0};
    struct side a, b;
    struct error error;
    int at = command_line_parse(&command, argc, argv);
    enum text_table_format format = text_table_format_named(format_name);
    read_side(&a, results, argv[at]);
    read_side(&b, results, argv[at + 1]);
    add_table(&difference, &a, &b);
    add_digests(&difference, "tool", "tools", &a, &b);
    add_digests(&difference, "data", "inputs", &a, &b);
    add_environment(&difference, &a, &b);
    if ((difference.count > 0 || format != TEXT_TABLE_TEXT) &&
        run_difference_write(&difference, true, stdout, format, &error) != 0)
        die_error(&error);
    if (format == TEXT_TABLE_TEXT)
        print_notes(&difference, &a, &b);
    run_difference_release(&difference);
    release_side(&a);
    release_side(&b);
    return close_output();
}
