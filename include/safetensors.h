/* Named tensors in one safetensors file: 8 bytes header length, a JSON header, then the data, little-endian.
 *
 * Format: github.com/huggingface/safetensors, "Format". The header maps each name to {"dtype", "shape", "data_offsets"}
 * and "__metadata__" to texts. A reader checks that the offsets follow one another without a hole, agree with shape and
 * type, and end where the file ends; types other than F32 and I64 are refused. What we write has its tensors in the
 * order they were added, so that equal contents are equal bytes. */
#ifndef BITFAST_SAFETENSORS_H
#define BITFAST_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

enum { SAFETENSORS_RANK_MAX = 8 };

enum safetensors_type { SAFETENSORS_F32, SAFETENSORS_I64 };

struct safetensors_tensor {
    char *name;
    enum safetensors_type type;
    int rank;                             /* 0: a scalar */
    int64_t sizes[SAFETENSORS_RANK_MAX];
    size_t values;                        /* the product of the sizes */
    void *data;                           /* float or int64_t, aligned for them */
};

struct safetensors_text {
    char *name;
    char *value;
};

/* Owns everything in it; zero-initialised it is empty. */
struct safetensors {
    struct safetensors_tensor *tensors;
    size_t tensor_count;
    struct safetensors_text *texts; /* the metadata */
    size_t text_count;
};

void safetensors_release(struct safetensors *file);

/* Reads to the end of the stream. `name` stands in messages. On failure *file is empty. */
int safetensors_read(struct safetensors *file, FILE *stream, const char *name, struct error *error);

/* Writes everything; the caller checks and closes the stream. */
int safetensors_write(const struct safetensors *file, FILE *stream, struct error *error);

/* Adds a tensor with zeroed data and returns it, or NULL on failure. The pointer is valid until the next addition; its
 * data until release. The name must be new. */
struct safetensors_tensor *safetensors_add(struct safetensors *file, const char *name, enum safetensors_type type,
                                           int rank, const int64_t *sizes, struct error *error);

/* Sets a text of the metadata, replacing an earlier one of that name. */
int safetensors_set_text(struct safetensors *file, const char *name, const char *value, struct error *error);

/* Takes a tensor or a text out; nothing happens if there is none of that name. */
void safetensors_remove(struct safetensors *file, const char *name);

/* NULL if there is none. */
const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name);
const char *safetensors_text(const struct safetensors *file, const char *name);

#endif
