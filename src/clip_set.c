#include "clip_set.h"

#include <stdlib.h>
#include <string.h>

static int by_key(const void *a, const void *b)
{
    const struct clip_set_clip *const *left = a, *const *right = b;
    return strcmp((*left)->key, (*right)->key);
}

/* The clips of one or two sets in the order of their keys; NULL if there is no memory. */
static const struct clip_set_clip **sort_by_key(const struct clip_set *a, const struct clip_set *b)
{
    size_t count_b = b != NULL ? b->count : 0;
    const struct clip_set_clip **sorted = calloc(a->count + count_b + 1, sizeof *sorted);
    if (sorted == NULL)
        return NULL;
    for (size_t i = 0; i < a->count; i++)
        sorted[i] = &a->clips[i];
    for (size_t i = 0; i < count_b; i++)
        sorted[a->count + i] = &b->clips[i];
    qsort(sorted, a->count + count_b, sizeof *sorted, by_key);
    return sorted;
}

/* The first key that two clips share, or NULL. */
static int find_twice(const struct clip_set *a, const struct clip_set *b, const char **twice, struct error *error)
{
    const struct clip_set_clip **sorted = sort_by_key(a, b);
    size_t count = a->count + (b != NULL ? b->count : 0);
    if (sorted == NULL)
        return error_set(error, "no memory for %zu clips", count);
    *twice = NULL;
    for (size_t i = 1; i < count && *twice == NULL; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
            *twice = sorted[i]->key;
    free(sorted);
    return 0;
}

static int check_shape(struct clip_set *set, const struct clips_file *file, const char *path, struct error *error)
{
    char text[CLIP_SHAPE_TEXT_BYTES];
    const struct clip_shape *shape = &file->shape;
    if (shape->rank != 3 || shape->sizes[0] != 1)
        return error_set(error, "%s: holds clips of shape %s, expected log-mel spectrograms 1 x bands x frames", path,
                         clip_shape_text(shape, text));
    if (set->height == 0) {
        set->height = shape->sizes[1];
        set->width = shape->sizes[2];
    }
    if (shape->sizes[1] != set->height || shape->sizes[2] != set->width)
        return error_set(error, "%s: holds clips of shape %s, expected 1x%dx%d as in the first file", path,
                         clip_shape_text(shape, text), set->height, set->width);
    return 0;
}

static int open_file(struct clip_set *set, const char *path, int classes, struct error *error)
{
    struct clips_file *file = &set->files[set->file_count];
    if (clips_file_open(file, path, error) != 0)
        return -1;
    set->file_count++;
    if (check_shape(set, file, path, error) != 0 || clips_file_check(file, path, error) != 0)
        return -1;
    struct clip_set_clip *grown = realloc(set->clips, (set->count + file->count + 1) * sizeof *grown);
    if (grown == NULL)
        return error_set(error, "no memory for %zu clips", set->count + file->count);
    set->clips = grown;
    for (size_t i = 0; i < file->count; i++) {
        struct clip_head head = clips_file_head(file, i);
        if (head.label < 0 || head.label >= classes)
            return error_set(error, "%s: clip '%s' has label %d, expected 0 to %d", path, head.key, head.label,
                             classes - 1);
        const char *key = (const char *)(file->records + i * file->record_bytes);
        set->clips[set->count++] = (struct clip_set_clip){key, clips_file_x(file, i), head.label};
    }
    return 0;
}

static int open_all(struct clip_set *set, char *const *paths, int path_count, int classes, struct error *error)
{
    set->files = calloc((size_t)path_count + 1, sizeof *set->files);
    if (set->files == NULL)
        return error_set(error, "no memory for %d files", path_count);
    for (int i = 0; i < path_count; i++)
        if (open_file(set, paths[i], classes, error) != 0)
            return -1;
    const char *twice;
    if (find_twice(set, NULL, &twice, error) != 0)
        return -1;
    return twice == NULL ? 0 : error_set(error, "the clip '%s' is there twice", twice);
}

int clip_set_open(struct clip_set *set, char *const *paths, int path_count, int classes, struct error *error)
{
    *set = (struct clip_set){0};
    if (open_all(set, paths, path_count, classes, error) == 0)
        return 0;
    clip_set_release(set);
    return -1;
}

void clip_set_release(struct clip_set *set)
{
    for (int i = 0; i < set->file_count; i++)
        clips_file_release(&set->files[i]);
    free(set->files);
    free(set->clips);
    *set = (struct clip_set){0};
}

int clip_set_check_classes(const struct clip_set *set, char *const *names, int classes, struct error *error)
{
    for (int label = 0; label < classes; label++) {
        size_t i = 0;
        while (i < set->count && set->clips[i].label != label)
            i++;
        if (i == set->count)
            return error_set(error, "class %d, '%s', has no clip in the training folds", label, names[label]);
    }
    return 0;
}

int clip_set_check_apart(const struct clip_set *a, const struct clip_set *b, struct error *error)
{
    const char *twice;
    if (b->count > 0 && (a->height != b->height || a->width != b->width))
        return error_set(error, "training clips are 1x%dx%d, validation clips 1x%dx%d", a->height, a->width, b->height,
                         b->width);
    if (find_twice(a, b, &twice, error) != 0)
        return -1;
    return twice == NULL ? 0 : error_set(error, "the clip '%s' is both in a training and in a validation fold", twice);
}
