#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "run_description.h"

enum { REAL_DIGITS = 15, NAME_COLUMNS = 24 };

static const char details[] =
    "Prints a run's parameters, metrics, files, times, and how it came about. RUN is the path of its directory,\n"
    "TRAINING/RUN, a tag, or the beginning of its name or id, if no other run begins so. Every file that the run's\n"
    "record names is read: one with other bytes makes the run's state `changed`.\n"
    "\n"
    "example: runs show baseline";

/* Characters, not bytes. */
static int width(const char *text)
{
    int characters = 0;
    for (; *text != '\0'; text++)
        characters += ((unsigned char)*text & 0xc0) != 0x80;
    return characters;
}

/* A text of several lines, as a note may be, goes on under its beginning. */
static void print_value(const json_t *value, int indent)
{
    if (json_is_string(value)) {
        for (const char *at = json_string_value(value); *at != '\0'; at++) {
            putchar((unsigned char)*at < ' ' && *at != '\n' ? '?' : *at);
            if (*at == '\n')
                printf("%*s", indent, "");
        }
    } else if (json_is_integer(value)) {
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        printf("%.9g", json_real_value(value));
    } else {
        fputs(json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-", stdout);
    }
    putchar('\n');
}

static void print_name(const char *name, int indent)
{
    int gap = NAME_COLUMNS - indent - width(name);
    printf("%*s%s%*s", indent, "", name, gap > 1 ? gap : 1, "");
}

/* An object in an object is printed below its name. */
static void print_object(const char *title, json_t *object, int indent)
{
    const char *name;
    json_t *value;
    if (json_object_size(object) == 0)
        return;
    printf("%*s%s\n", indent, "", title);
    json_object_foreach(object, name, value) {
        if (json_is_object(value)) {
            print_object(name, value, indent + 2);
            continue;
        }
        print_name(name, indent + 2);
        print_value(value, NAME_COLUMNS);
    }
}

static void print_files(json_t *files)
{
    size_t i;
    json_t *file;
    puts("files");
    json_array_foreach(files, i, file) {
        const char *sha256 = json_string_value(json_object_get(file, "sha256"));
        print_name(json_string_value(json_object_get(file, "name")), 2);
        printf("%12" JSON_INTEGER_FORMAT "  %-12s  %s\n", json_integer_value(json_object_get(file, "bytes")),
               json_string_value(json_object_get(file, "state")), sha256 != NULL ? sha256 : "-");
    }
}

static void print_text(json_t *run)
{
    static const char *const first[] = {"run", "id", "directory", "state"};
    static const char *const objects[] = {"times", "tools", "inputs", "environment"};
    size_t i;
    json_t *tag;
    for (i = 0; i < sizeof first / sizeof first[0]; i++) {
        print_name(first[i], 0);
        print_value(json_object_get(run, first[i]), NAME_COLUMNS);
    }
    json_array_foreach(json_object_get(run, "tags"), i, tag) {
        const char *note = json_string_value(json_object_get(tag, "note"));
        print_name("tag", 0);
        printf("%s%*s", json_string_value(json_object_get(tag, "name")), note[0] != '\0' ? 2 : 0, "");
        print_value(json_object_get(tag, "note"), NAME_COLUMNS + 2);
    }
    print_object("parameters", json_object_get(run, "parameters"), 0);
    print_object("metrics", json_object_get(run, "metrics"), 0);
    print_files(json_object_get(run, "files"));
    for (i = 0; i < sizeof objects / sizeof objects[0]; i++)
        print_object(objects[i], json_object_get(run, objects[i]), 0);
}

int main(int argc, char **argv)
{
    const char *format = "text", *results = "results";
    const struct option options[] = {
        {"format", OPTION_CHOICE, &format, 0, 0, "text|json", "how to write it"},
        {"results", OPTION_TEXT, &results, 0, 0, "DIRECTORY", "where runs and tags are looked for"},
        {0}};
    const struct command command = {"runs-show", "RUN", "Prints what is known of a run.", details, options, 1, 1};
    struct run_place place;
    struct error error;
    int at = command_line_parse(&command, argc, argv);
    if (run_place_find(&place, results, argv[at], &error) != 0)
        die_error(&error);
    json_t *run = run_describe(&place, &error);
    if (run == NULL)
        die_error(&error);
    if (strcmp(format, "text") == 0)
        print_text(run);
    else if (json_dumpf(run, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(REAL_DIGITS)) != 0 || puts("") == EOF)
        die("cannot write to standard output: %s", strerror(errno));
    json_decref(run);
    run_place_release(&place);
    return close_output();
}
