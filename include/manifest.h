/* The manifest: which clips a data set has. What list-clips prints and decode-audio reads.
 *
 * Tab-separated text with a header line. The columns key, path, fold and label are found by their names, in any order;
 * class and sha256 may be there; others are ignored. A row is a clip:
 *     key     its unique name, 1 to CLIP_KEY_BYTES - 1 bytes (clips.h)
 *     path    of its sound file, relative to the data set
 *     fold    1 to MANIFEST_FOLD_MAX
 *     label   0 to MANIFEST_LABEL_MAX, or -1 where it is not known
 *     class   the label's name
 *     sha256  of the sound file's bytes, 64 lower-case hexadecimal digits
 * No field holds a tab, a line break or another control character, so none is ever quoted. */
#ifndef BITFAST_MANIFEST_H
#define BITFAST_MANIFEST_H

#include <stddef.h>
#include <stdio.h>

#include "digest.h"
#include "error.h"

enum { MANIFEST_FOLD_MAX = 999, MANIFEST_LABEL_MAX = 999999 };

struct manifest_clip {
    char *key;
    char *path;
    char *class_name;                /* NULL if the column is not there */
    int fold;
    int label;
    char sha256[DIGEST_TEXT_BYTES];  /* empty if the column is not there */
};

/* Owns everything in it; zero-initialised it is empty. */
struct manifest {
    struct manifest_clip *clips;
    size_t count, capacity;
};

void manifest_release(struct manifest *manifest);

/* Adds a clip with copies of the texts; class_name may be NULL. Refuses names that cannot stand in a row. Returns NULL
 * on failure. The pointer is valid until the next addition. */
struct manifest_clip *manifest_add(struct manifest *manifest, const char *key, const char *path, int fold, int label,
                                   const char *class_name, struct error *error);

/* Finds two clips of one key: returns 1 and their numbers, first < second, or 0 if there are none, or -1 on failure. */
int manifest_find_duplicate(const struct manifest *manifest, size_t *first, size_t *second, struct error *error);

/* Reads to the end of the stream and checks every row, but no file. `name` stands in messages. On failure *manifest is
 * empty. */
int manifest_read(struct manifest *manifest, FILE *stream, const char *name, struct error *error);

/* Writes everything; class names must be there. The caller checks and closes the stream. */
int manifest_write(const struct manifest *manifest, int with_sha256, FILE *stream, struct error *error);

#endif
