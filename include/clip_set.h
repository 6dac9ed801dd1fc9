/* The clips of several prepared folds as one set, mapped into memory. */
#ifndef BITFAST_CLIP_SET_H
#define BITFAST_CLIP_SET_H

#include <stddef.h>

#include "clips.h"
#include "error.h"

/* One clip; all point into the mapped files. */
struct clip_set_clip {
    const char *key;
    const float *x;
    int label;
};

struct clip_set {
    struct clips_file *files;
    int file_count;
    int height, width;           /* of each clip: (1, height, width) */
    struct clip_set_clip *clips; /* files in the order given, clips in the order of the file */
    size_t count;
};

/* Opens the files and checks every record: one shape for all, labels from 0 to classes - 1, finite values, no key
 * twice. No file at all gives an empty set. On failure *set is empty. */
int clip_set_open(struct clip_set *set, char *const *paths, int path_count, int classes, struct error *error);
void clip_set_release(struct clip_set *set);

/* Refuses a set in which one of the classes (their names) has no clip. */
int clip_set_check_classes(const struct clip_set *set, char *const *names, int classes, struct error *error);

/* Refuses two sets of different shapes, or with a key in common. */
int clip_set_check_apart(const struct clip_set *a, const struct clip_set *b, struct error *error);

#endif
