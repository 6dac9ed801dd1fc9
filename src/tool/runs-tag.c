#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_line.h"
#include "run_file.h"
#include "run_name.h"
#include "run_tags.h"
#include "text_table.h"

static const char details[] =
    "Without operands prints the table of tags. NAME RUN gives the run a name, by which all tools find it: letters,\n"
    "digits, '.', '_' and '-'. A tag is a small text file, results/.tags/NAME. Another run gets a name that is taken\n"
    "only with --force. A new note takes the old one's place; without --note it stays.\n"
    "\n"
    "example: runs tag --note='before augmentation' baseline 1f3a";

enum { NAME, RUN, STATE, NOTE, COLUMNS };

/* A note of several lines is one in a table. */
static char *one_line(const char *note)
{
    char *copy = allocate_or_die(strlen(note) + 1, 1);
    strcpy(copy, note);
    for (char *at = copy; *at != '\0'; at++)
        if (*at == '\n' || *at == '\t')
            *at = ' ';
    return copy;
}

static bool is_there(const char *results, const char *run)
{
    struct error error;
    char *path = run_file_join(results, run, &error);
    if (path == NULL)
        die_error(&error);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static void print_tags(const struct run_tags *tags, const char *results, enum text_table_format format)
{
    static const char *const names[COLUMNS] = {"tag", "run", "there", "note"};
    static const int decimals[COLUMNS] = {TEXT_TABLE_EXACT, TEXT_TABLE_EXACT, TEXT_TABLE_EXACT, TEXT_TABLE_EXACT};
    const char **cells = allocate_or_die((tags->count + 1) * COLUMNS, sizeof *cells);
    struct error error;
    memcpy(cells, names, sizeof names);
    for (size_t i = 0; i < tags->count; i++) {
        const char **row = cells + (i + 1) * COLUMNS;
        row[NAME] = tags->tags[i].name;
        row[RUN] = tags->tags[i].run;
        row[STATE] = is_there(results, tags->tags[i].run) ? "yes" : "no";
        row[NOTE] = tags->tags[i].note[0] != '\0' ? one_line(tags->tags[i].note) : NULL;
    }
    struct text_table table = {COLUMNS, tags->count, cells, decimals};
    if (text_table_write(&table, stdout, format, &error) != 0)
        die_error(&error);
    for (size_t i = 0; i < tags->count; i++)
        free((char *)cells[(i + 1) * COLUMNS + NOTE]);
    free(cells);
}

static void write_tag(const struct run_tags *tags, const char *results, const char *name, const char *run_name,
                      const char *note, bool force)
{
    struct error error;
    struct run_place place;
    if (run_tags_check_name(name, &error) != 0 || (note != NULL && run_tags_check_note(note, &error) != 0))
        die_usage("%s", error.message);
    if (run_place_find(&place, results, run_name, &error) != 0)
        die_error(&error);
    const struct run_tag *old = run_tags_find(tags, name);
    bool same = old != NULL && strcmp(old->run, place.name) == 0;
    if (old != NULL && !same && !force)
        die("the tag '%s' names '%s'; --force (make: FORCE=yes) moves it", name, old->run);
    char *kept_note = one_line("");
    struct run_tag tag = {(char *)name, place.name, note != NULL ? (char *)note : same ? old->note : kept_note};
    if (run_tags_write(place.results, &tag, &error) != 0)
        die_error(&error);
    printf("%s  %s\n", name, place.name);
    free(kept_note);
    run_place_release(&place);
}

static void remove_tag(const struct run_tags *tags, const char *results, const char *name)
{
    struct error error;
    const struct run_tag *old = run_tags_find(tags, name);
    if (old == NULL)
        die("no tag is called '%s'; runs tag lists them", name);
    if (run_tags_remove(results, name, &error) != 0)
        die_error(&error);
    printf("removed the tag %s of %s\n", name, old->run);
}

int main(int argc, char **argv)
{
    const char *format = "text", *results = "results", *note = NULL, *removed = NULL;
    bool force = false;
    const struct option options[] = {
        {"note", OPTION_TEXT, &note, 0, 0, "TEXT", "why the run is worth a name"},
        {"force", OPTION_FLAG, &force, 0, 0, NULL, "move the tag from another run"},
        {"remove", OPTION_TEXT, &removed, 0, 0, "NAME", "remove the tag; the run stays"},
        {"format", OPTION_CHOICE, &format, 0, 0, TEXT_TABLE_FORMATS, "how to write the table of tags"},
        {"results", OPTION_TEXT, &results, 0, 0, "DIRECTORY", "where runs and tags are looked for"},
        {0}};
    const struct command command = {"runs-tag", "[NAME RUN]", "Names runs, and prints their names.", details, options,
                                    0, 2};
    struct run_tags tags;
    struct error error;
    int at = command_line_parse(&command, argc, argv), operands = argc - at;
    if (operands == 1 || (operands == 0 && (note != NULL || force)))
        die_usage("NAME and RUN go together, as in: runs tag baseline 1f3a");
    if (removed != NULL && (operands > 0 || note != NULL || force))
        die_usage("--remove goes with neither NAME RUN, --note nor --force");
    if (run_tags_read(&tags, results, &error) != 0)
        die_error(&error);
    if (removed != NULL)
        remove_tag(&tags, results, removed);
    else if (operands == 2)
        write_tag(&tags, results, argv[at], argv[at + 1], note, force);
    else
        print_tags(&tags, results, text_table_format_named(format));
    run_tags_release(&tags);
    return close_output();
}
