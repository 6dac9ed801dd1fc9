#include "manifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "clips.h"
#include "inner_path.h"
#include "number.h"
#include "same_text.h"

enum column { COLUMN_KEY, COLUMN_PATH, COLUMN_FOLD, COLUMN_LABEL, COLUMN_CLASS, COLUMN_SHA256, COLUMN_COUNT };
enum { REQUIRED_COLUMNS = COLUMN_CLASS, FIELDS_MAX = 64 };

static const char *const column_names[COLUMN_COUNT] = {"key", "path", "fold", "label", "class", "sha256"};

void manifest_release(struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        free(manifest->clips[i].key);
        free(manifest->clips[i].path);
        free(manifest->clips[i].class_name);
    }
    free(manifest->clips);
    *manifest = (struct manifest){0};
}

struct manifest_clip *manifest_add(struct manifest *manifest, const char *key, const char *path, int fold, int label,
                                   const char *class_name, struct error *error)
{
    struct clip_head head;
    if (inner_path_check_name("the key", key, error) != 0 || clip_head_set(&head, key, fold, label, error) != 0 ||
        inner_path_check(path, error) != 0 ||
        (class_name != NULL && inner_path_check_name("the class", class_name, error) != 0))
        return NULL;
    struct manifest_clip *clips = array_reserve(manifest->clips, &manifest->capacity, manifest->count + 1,
                                                sizeof *clips);
    if (clips == NULL) {
        error_set(error, "no memory for %zu clips", manifest->count + 1);
        return NULL;
    }
    manifest->clips = clips;
    struct manifest_clip *clip = &clips[manifest->count++];
    *clip = (struct manifest_clip){.key = strdup(key), .path = strdup(path), .fold = fold, .label = label};
    clip->class_name = class_name != NULL ? strdup(class_name) : NULL;
    if (clip->key == NULL || clip->path == NULL || (class_name != NULL && clip->class_name == NULL)) {
        error_set(error, "no memory for %zu clips", manifest->count);
        return NULL;
    }
    return clip;
}

int manifest_find_duplicate(const struct manifest *manifest, size_t *first, size_t *second, struct error *error)
{
    struct same_text *keys = calloc(manifest->count + 1, sizeof *keys);
    int found = 0;
    if (keys == NULL)
        return error_set(error, "no memory for %zu keys", manifest->count);
    for (size_t i = 0; i < manifest->count; i++)
        keys[i] = (struct same_text){manifest->clips[i].key, i};
    same_text_sort(keys, manifest->count);
    for (size_t i = 1; i < manifest->count; i++) {
        if (strcmp(keys[i - 1].text, keys[i].text) == 0 && (!found || keys[i].row < *second)) {
            *first = keys[i - 1].row;
            *second = keys[i].row;
            found = 1;
        }
    }
    free(keys);
    return found;
}

/* --- Reading --- */

/* Cuts a line at its tabs, in place. Returns how many fields it has; those after the first FIELDS_MAX are not
 * stored. */
static size_t split(char *line, char *fields[FIELDS_MAX])
{
    size_t count = 0;
    for (char *at = line; at != NULL; count++) {
        char *tab = strchr(at, '\t');
        if (tab != NULL)
            *tab = '\0';
        if (count < FIELDS_MAX)
            fields[count] = at;
        at = tab != NULL ? tab + 1 : NULL;
    }
    return count;
}

/* Reads one line without its end. Returns 1, or 0 at the end of the stream, or -1 on failure. */
static int read_line(FILE *stream, char **line, size_t *capacity, struct error *error)
{
    ssize_t length = getline(line, capacity, stream);
    if (length < 0)
        return ferror(stream) ? error_set_errno(error, "cannot be read") : 0;
    if (strlen(*line) != (size_t)length)
        return error_set(error, "holds a zero byte, expected text");
    if ((*line)[length - 1] != '\n')
        return error_set(error, "ends within this line, expected a line break after each");
    (*line)[length - 1] = '\0';
    return 1;
}

static int read_header(char *line, int columns[COLUMN_COUNT], size_t *fields, struct error *error)
{
    char *titles[FIELDS_MAX];
    *fields = split(line, titles);
    if (*fields > FIELDS_MAX)
        return error_set(error, "the header has %zu columns, expected at most %d", *fields, FIELDS_MAX);
    for (int column = 0; column < COLUMN_COUNT; column++) {
        columns[column] = -1;
        for (size_t i = 0; i < *fields; i++) {
            if (strcmp(titles[i], column_names[column]) != 0)
                continue;
            if (columns[column] >= 0)
                return error_set(error, "the column '%s' is there twice", titles[i]);
            columns[column] = (int)i;
        }
        if (column < REQUIRED_COLUMNS && columns[column] < 0)
            return error_set(error, "the header lacks the column '%s', expected key, path, fold and label",
                             column_names[column]);
    }
    return 0;
}

static int set_digest(struct manifest_clip *clip, const char *text, struct error *error)
{
    size_t length = strlen(text);
    if (length != DIGEST_TEXT_BYTES - 1 || text[strspn(text, "0123456789abcdef")] != '\0')
        return error_set(error, "sha256: '%s' is not 64 lower-case hexadecimal digits", text);
    memcpy(clip->sha256, text, length + 1);
    return 0;
}

static int read_row(struct manifest *manifest, char *line, const int columns[COLUMN_COUNT], size_t expected,
                    struct error *error)
{
    char *fields[FIELDS_MAX];
    int64_t fold, label;
    size_t count = split(line, fields);
    if (count != expected)
        return error_set(error, "has %zu fields, expected %zu as in the header", count, expected);
    if (number_parse_integer(fields[columns[COLUMN_FOLD]], 1, MANIFEST_FOLD_MAX, &fold, error) != 0)
        return error_prefix(error, "fold");
    if (number_parse_integer(fields[columns[COLUMN_LABEL]], -1, MANIFEST_LABEL_MAX, &label, error) != 0)
        return error_prefix(error, "label");
    const char *class_name = columns[COLUMN_CLASS] >= 0 ? fields[columns[COLUMN_CLASS]] : NULL;
    struct manifest_clip *clip = manifest_add(manifest, fields[columns[COLUMN_KEY]], fields[columns[COLUMN_PATH]],
                                              (int)fold, (int)label, class_name, error);
    if (clip == NULL)
        return -1;
    return columns[COLUMN_SHA256] >= 0 ? set_digest(clip, fields[columns[COLUMN_SHA256]], error) : 0;
}

static int read_rows(struct manifest *manifest, FILE *stream, char **line, size_t *capacity, struct error *error)
{
    int columns[COLUMN_COUNT], status;
    size_t fields, number = 1;
    status = read_line(stream, line, capacity, error);
    if (status == 0)
        return error_set(error, "is empty, expected a manifest with a header line");
    if (status < 0 || read_header(*line, columns, &fields, error) != 0)
        return error_prefix(error, "line 1");
    for (;;) {
        number++;
        status = read_line(stream, line, capacity, error);
        if (status == 0)
            break;
        if (status < 0 || read_row(manifest, *line, columns, fields, error) != 0)
            return error_prefix(error, "line %zu", number);
    }
    size_t first, second;
    if (manifest->count == 0)
        return error_set(error, "lists no clips, expected a row a clip");
    status = manifest_find_duplicate(manifest, &first, &second, error);
    if (status == 1)
        return error_set(error, "line %zu: the key '%s' is there already, in line %zu", second + 2,
                         manifest->clips[second].key, first + 2);
    return status;
}

int manifest_read(struct manifest *manifest, FILE *stream, const char *name, struct error *error)
{
    char *line = NULL;
    size_t capacity = 0;
    *manifest = (struct manifest){0};
    int result = read_rows(manifest, stream, &line, &capacity, error);
    free(line);
    if (result == 0)
        return 0;
    manifest_release(manifest);
    return error_prefix(error, "%s", name);
}

int manifest_write(const struct manifest *manifest, int with_sha256, FILE *stream, struct error *error)
{
    for (int column = 0; column < (with_sha256 ? COLUMN_COUNT : COLUMN_SHA256); column++)
        fprintf(stream, "%s%s", column > 0 ? "\t" : "", column_names[column]);
    fputc('\n', stream);
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_clip *clip = &manifest->clips[i];
        fprintf(stream, "%s\t%s\t%d\t%d\t%s%s%s\n", clip->key, clip->path, clip->fold, clip->label, clip->class_name,
                with_sha256 ? "\t" : "", with_sha256 ? clip->sha256 : "");
    }
    return ferror(stream) ? error_set_errno(error, "cannot write the manifest") : 0;
}
