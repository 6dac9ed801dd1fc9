#define _GNU_SOURCE /* realpath */
#include "run_name.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "number.h"
#include "run_file.h"
#include "run_scan.h"
#include "run_tags.h"

enum { ID_SHORTEST = 4, CANDIDATES_SHOWN = 3 };

void run_place_release(struct run_place *place)
{
    free(place->directory);
    free(place->results);
    free(place->name);
    *place = (struct run_place){0};
}

static bool holds_run(const char *directory)
{
    static const char *const names[] = {"run.tsv", "parameters.mk", "record.json"};
    struct error ignored;
    bool found = false;
    for (size_t i = 0; !found && i < sizeof names / sizeof names[0]; i++) {
        char *path = run_file_join(directory, names[i], &ignored);
        found = path != NULL && access(path, F_OK) == 0;
        free(path);
    }
    return found;
}

/* The run of this directory, named after its last two parts. */
static int set_place(struct run_place *place, const char *directory, struct error *error)
{
    char *whole = realpath(directory, NULL);
    if (whole == NULL)
        return error_set_errno(error, "cannot open '%s'", directory);
    char *slash = strrchr(whole, '/');
    while (slash > whole && slash[-1] != '/')
        slash--;
    *place = (struct run_place){strdup(directory), strndup(whole, slash > whole ? (size_t)(slash - whole) : 1),
                                strdup(slash)};
    free(whole);
    if (place->directory != NULL && place->results != NULL && place->name != NULL)
        return 0;
    run_place_release(place);
    return error_set(error, "no memory for the run '%s'", directory);
}

/* Whether `text` is the path of a run's directory, or with `results` in front of it. Sets *found; the rest as usual. */
static int find_directory(struct run_place *place, const char *results, const char *text, bool *found,
                          struct error *error)
{
    char *below = run_file_join(results, text, error);
    *found = false;
    if (below == NULL)
        return -1;
    const char *directory = text[0] == '\0' ? NULL : holds_run(text) ? text : holds_run(below) ? below : NULL;
    int status = directory != NULL ? set_place(place, directory, error) : 0;
    *found = directory != NULL;
    free(below);
    return status;
}

/* --- By the beginning --- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The path of the found run's directory, and where in it the name begins. */
static char *directory_of(const struct found_run *run, const char *results, const char **name, struct error *error)
{
    char *directory = strndup(run->path, (size_t)(strrchr(run->path, '/') - run->path));
    if (directory == NULL) {
        error_set(error, "no memory for a path");
        return NULL;
    }
    *name = directory + strlen(results);
    while (**name == '/')
        ++*name;
    return directory;
}

static int find_beginning(struct run_place *place, const struct run_scan *scan, const char *results, const char *text,
                          struct error *error)
{
    char list[ERROR_MESSAGE_BYTES / 2] = "", *chosen = NULL;
    size_t fits = 0, used = 0;
    for (size_t i = 0; i < scan->count; i++) {
        const char *name;
        char id[RUN_ID_BYTES], *directory = directory_of(&scan->runs[i], results, &name, error);
        if (directory == NULL) {
            free(chosen);
            return -1;
        }
        run_id(name, id);
        bool fit = begins(name, text) || (strlen(text) >= ID_SHORTEST && begins(id, text));
        if (fit && fits++ < CANDIDATES_SHOWN && used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s (%s)", used > 0 ? ", " : "", name, id);
        if (fit && chosen == NULL)
            chosen = directory;
        else
            free(directory);
    }
    int status = fits == 1  ? set_place(place, chosen, error)
                 : fits > 1 ? error_set(error, "'%s' fits %zu runs: %s%s", text, fits, list,
                                        fits > CANDIDATES_SHOWN ? ", ..." : "")
                            : 1;
    free(chosen);
    return status;
}

static int refuse(const struct run_tags *tags, const char *results, const char *text, struct error *error)
{
    const char **names = calloc(tags->count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < tags->count; i++)
        names[i] = tags->tags[i].name;
    const char *nearest = names != NULL ? number_nearest_name(text, names, tags->count) : NULL;
    free(names);
    if (nearest != NULL)
        return error_set(error, "no run of '%s' is called '%s'; the nearest tag is '%s'", results, text, nearest);
    return error_set(error, "no run of '%s' is called '%s': expected a path, TRAINING/RUN, a tag, or the beginning of "
                     "a name or an id, as 'make runs' shows", results, text);
}

int run_place_find(struct run_place *place, const char *results, const char *text, struct error *error)
{
    struct run_tags tags;
    struct run_scan scan = {0};
    bool found;
    int status = find_directory(place, results, text, &found, error);
    if (status != 0 || found)
        return status;
    if (access(results, F_OK) != 0)
        return error_set_errno(error, "no run is called '%s', and cannot open '%s'", text, results);
    if (run_tags_read(&tags, results, error) != 0)
        return -1;
    const struct run_tag *tag = run_tags_find(&tags, text);
    if (tag != NULL) {
        status = find_directory(place, results, tag->run, &found, error);
        if (status == 0 && !found)
            status = error_set(error, "the tag '%s' names the run '%s', which is not in '%s'", text, tag->run, results);
    } else if (text[0] != '\0') {
        status = run_scan_add(&scan, results, false, error);
        if (status == 0)
            status = find_beginning(place, &scan, results, text, error);
        run_scan_release(&scan);
    }
    if (tag == NULL && (status == 1 || text[0] == '\0'))
        status = refuse(&tags, results, text, error);
    run_tags_release(&tags);
    return status;
}
