#include "run_tags.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "part_file.h"

enum { NAME_MAX_BYTES = 100, FILE_MAX_BYTES = 65536, PATH_BYTES = 4096 };

static int tag_path(char path[PATH_BYTES], const char *results, const char *name, struct error *error)
{
    size_t length = strlen(results);
    while (length > 1 && results[length - 1] == '/')
        length--;
    int written = snprintf(path, PATH_BYTES, "%.*s/.tags%s%s", (int)length, results, name[0] != '\0' ? "/" : "", name);
    return written < PATH_BYTES ? 0 : error_set(error, "'%s': the path is too long", results);
}

int run_tags_check_name(const char *name, struct error *error)
{
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_BYTES || name[0] == '.' || name[0] == '-' ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != length)
        return error_set(error, "'%s' is no name for a tag: letters, digits, '.', '_' and '-', not '.' or '-' first, "
                         "at most %d", name, NAME_MAX_BYTES);
    return 0;
}

int run_tags_check_note(const char *note, struct error *error)
{
    if (strlen(note) > FILE_MAX_BYTES / 2)
        return error_set(error, "the note is longer than %d bytes", FILE_MAX_BYTES / 2);
    for (const char *at = note; *at != '\0'; at++)
        if (((unsigned char)*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7f)
            return error_set(error, "the note holds the control character 0x%02x", (unsigned char)*at);
    return 0;
}

/* --- Reading --- */

static void release_tag(struct run_tag *tag)
{
    free(tag->name);
    free(tag->run);
    free(tag->note);
}

void run_tags_release(struct run_tags *tags)
{
    while (tags->count > 0)
        release_tag(&tags->tags[--tags->count]);
    free(tags->tags);
    *tags = (struct run_tags){0};
}

/* The first line and the others, from `text`, which is changed. */
static int parse(struct run_tag *tag, const char *name, char *text, size_t length, struct error *error)
{
    char *end = memchr(text, '\n', length), *note = end != NULL ? end + 1 : text + length;
    if (end != NULL)
        *end = '\0';
    if (text[0] == '\0')
        return error_set(error, "line 1 is empty, expected a run, TRAINING/RUN");
    if (strlen(text) != (end != NULL ? (size_t)(end - text) : length) || strlen(note) != (size_t)(text + length - note))
        return error_set(error, "holds a zero byte");
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return error_set(error, "line 1 holds the control character 0x%02x", (unsigned char)*at);
    if (run_tags_check_note(note, error) != 0)
        return -1;
    size_t note_length = strlen(note);
    while (note_length > 0 && note[note_length - 1] == '\n')
        note[--note_length] = '\0';
    *tag = (struct run_tag){strdup(name), strdup(text), strdup(note)};
    if (tag->name != NULL && tag->run != NULL && tag->note != NULL)
        return 0;
    release_tag(tag);
    return error_set(error, "no memory for the tag");
}

static int read_tag(struct run_tag *tag, const char *results, const char *name, struct error *error)
{
    char path[PATH_BYTES];
    if (tag_path(path, results, name, error) != 0)
        return -1;
    if (run_tags_check_name(name, error) != 0)
        return error_prefix(error, "%s", path);
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe would keep us waiting */
    FILE *stream = file >= 0 ? fdopen(file, "r") : NULL;
    if (stream == NULL)
        return error_set_errno(error, "cannot open '%s'", path);
    char *text = calloc(FILE_MAX_BYTES + 1, 1);
    size_t length = text != NULL ? fread(text, 1, FILE_MAX_BYTES, stream) : 0;
    int status = text == NULL        ? error_set(error, "no memory for the tag")
                 : ferror(stream)    ? error_set_errno(error, "cannot be read")
                 : length == FILE_MAX_BYTES ? error_set(error, "is longer than %d bytes", FILE_MAX_BYTES - 1)
                                     : parse(tag, name, text, length, error);
    fclose(stream);
    free(text);
    return status == 0 ? 0 : error_prefix(error, "%s", path);
}

static int compare_tags(const void *a, const void *b)
{
    const struct run_tag *left = a, *right = b;
    int order = strcmp(left->run, right->run);
    return order != 0 ? order : strcmp(left->name, right->name);
}

static int add_tag(struct run_tags *tags, const char *results, const char *name, struct error *error)
{
    struct run_tag *grown = array_reserve(tags->tags, &tags->capacity, tags->count + 1, sizeof *grown);
    if (grown == NULL)
        return error_set(error, "no memory for %zu tags", tags->count + 1);
    tags->tags = grown;
    if (read_tag(&tags->tags[tags->count], results, name, error) != 0)
        return -1;
    tags->count++;
    return 0;
}

int run_tags_read(struct run_tags *tags, const char *results, struct error *error)
{
    char path[PATH_BYTES];
    struct dirent **entries = NULL;
    int status = 0;
    *tags = (struct run_tags){0};
    if (tag_path(path, results, "", error) != 0)
        return -1;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        return errno == ENOENT ? 0 : error_set_errno(error, "cannot read '%s'", path);
    for (int i = 0; i < count; i++) {
        if (status == 0 && entries[i]->d_name[0] != '.')
            status = add_tag(tags, results, entries[i]->d_name, error);
        free(entries[i]);
    }
    free(entries);
    if (status != 0)
        run_tags_release(tags);
    else if (tags->count > 0)
        qsort(tags->tags, tags->count, sizeof *tags->tags, compare_tags);
    return status;
}

/* --- Looking --- */

const struct run_tag *run_tags_find(const struct run_tags *tags, const char *name)
{
    for (size_t i = 0; i < tags->count; i++)
        if (strcmp(tags->tags[i].name, name) == 0)
            return &tags->tags[i];
    return NULL;
}

static int compare_run(const void *run, const void *tag)
{
    return strcmp(run, ((const struct run_tag *)tag)->run);
}

int run_tags_join(const struct run_tags *tags, const char *run, char **text, struct error *error)
{
    *text = NULL;
    if (tags->count == 0)
        return 0;
    const struct run_tag *first = bsearch(run, tags->tags, tags->count, sizeof *first, compare_run), *end;
    if (first == NULL)
        return 0;
    while (first > tags->tags && strcmp(first[-1].run, run) == 0)
        first--;
    size_t length = 0;
    for (end = first; end < tags->tags + tags->count && strcmp(end->run, run) == 0; end++)
        length += strlen(end->name) + 1;
    *text = calloc(length, 1);
    if (*text == NULL)
        return error_set(error, "no memory for the tags of '%s'", run);
    for (const struct run_tag *tag = first; tag < end; tag++) {
        if (tag > first)
            strcat(*text, ",");
        strcat(*text, tag->name);
    }
    return 0;
}

/* --- Writing --- */

int run_tags_write(const char *results, const struct run_tag *tag, struct error *error)
{
    char path[PATH_BYTES], *text = malloc(strlen(tag->run) + strlen(tag->note) + 3);
    int status = text == NULL ? error_set(error, "no memory for the tag")
                              : tag_path(path, results, tag->name, error);
    if (status == 0) {
        sprintf(text, "%s\n%s%s", tag->run, tag->note, tag->note[0] != '\0' ? "\n" : "");
        status = part_file_save(path, text, strlen(text), error);
    }
    free(text);
    return status;
}

int run_tags_remove(const char *results, const char *name, struct error *error)
{
    char path[PATH_BYTES];
    if (run_tags_check_name(name, error) != 0 || tag_path(path, results, name, error) != 0)
        return -1;
    return unlink(path) == 0 ? 0 : error_set_errno(error, "cannot remove '%s'", path);
}
