/* Any of our binary files as a sequence of tensors: clips (clips.h), one a clip, or safetensors, one a tensor.
 *
 * Which of the two is seen from the first byte. Clips are read one by one, so that a file larger than memory can be
 * read; safetensors are read whole, and come in the order of their data. */
#ifndef BITFAST_TENSOR_READER_H
#define BITFAST_TENSOR_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "clips.h"
#include "error.h"
#include "safetensors.h"

struct tensor_item {
    const char *name; /* the tensor's, or the clip's key */
    enum safetensors_type type;
    int rank;
    int64_t sizes[SAFETENSORS_RANK_MAX];
    size_t values;
    const void *data;    /* as in safetensors.h; a clip's x is SAFETENSORS_F32 */
    int32_t fold, label; /* of a clip */
};

struct tensor_reader {
    bool is_clips;
    struct safetensors file;    /* empty if is_clips */
    struct clips_stream stream; /* of clips */
    struct clip_head head;
    float *x;
    size_t next;
};

/* `name` stands in messages; it and the stream are the caller's, kept until release. */
int tensor_reader_open(struct tensor_reader *reader, FILE *stream, const char *name, struct error *error);

/* Returns 1 for an item, valid until the next call; 0 at the end; -1 on failure. */
int tensor_reader_next(struct tensor_reader *reader, struct tensor_item *item, struct error *error);

void tensor_reader_release(struct tensor_reader *reader);

/* A tensor of a safetensors file as an item. */
struct tensor_item tensor_item_of(const struct safetensors_tensor *tensor);

/* "F32" or "I64". */
const char *tensor_type_name(enum safetensors_type type);

/* Writes the sizes as "16x1x11x11" and returns text; a scalar is "scalar". */
enum { TENSOR_SHAPE_TEXT_BYTES = 168 };
const char *tensor_shape_text(const struct tensor_item *item, char text[TENSOR_SHAPE_TEXT_BYTES]);

/* Writes a text of the metadata in one line: a control character or backslash as \xNN. */
void tensor_write_text(FILE *stream, const char *text);

#endif
