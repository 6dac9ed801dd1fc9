/* Clips in a NumPy .npy file or stream: one structured array, a record a clip.
 *
 * dtype of a record, little-endian, no padding, 128 + 4 * values bytes:
 *     key    S120   the clip's unique name, UTF-8 without control characters, filled up with zero bytes
 *     fold   <i4    1, 2, ...
 *     label  <i4    0, 1, ..., or -1 where it is not known
 *     x      <f4    shape (1, samples) for a waveform, (1, mel bands, frames) for a log-mel spectrogram
 * The array has shape (count,) and is in C order; numpy.load(file, mmap_mode='r')['x'] works.
 * Format: numpy/lib/format.py, version 1.0; a reader takes 1.0, 2.0 and 3.0.
 *
 * A reader believes nothing that it has not checked: the field names and types, the shape, that exactly `count` records
 * follow, that a key is not empty and every x is finite. */
#ifndef BITFAST_CLIPS_H
#define BITFAST_CLIPS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

enum { CLIP_KEY_BYTES = 120, CLIP_RANK_MAX = 3 };

/* The shape of one clip's x: `rank` sizes, the outermost first. */
struct clip_shape {
    int rank;
    int sizes[CLIP_RANK_MAX];
};

/* What stands in front of x in each record. `key` need not end in a zero byte. */
struct clip_head {
    char key[CLIP_KEY_BYTES];
    int32_t fold;
    int32_t label;
};

/* The number of floats in one clip's x. */
size_t clip_shape_values(const struct clip_shape *shape);
int clip_shape_equal(const struct clip_shape *a, const struct clip_shape *b);

/* Writes the sizes as "1x128x201" into text and returns it. */
enum { CLIP_SHAPE_TEXT_BYTES = 40 };
const char *clip_shape_text(const struct clip_shape *shape, char text[CLIP_SHAPE_TEXT_BYTES]);

/* Fills a head; refuses a key that is empty, longer than CLIP_KEY_BYTES - 1 or holds a control character. */
int clip_head_set(struct clip_head *head, const char *key, int fold, int label, struct error *error);

/* --- Writing: the header once, then exactly `count` records. The caller checks and closes the stream. --- */
int clips_write_header(FILE *stream, const struct clip_shape *shape, size_t count, struct error *error);
int clips_write(FILE *stream, const struct clip_shape *shape, const struct clip_head *head, const float *x,
                struct error *error);

/* --- Reading a stream, record by record. --- */
struct clips_stream {
    FILE *stream;        /* the caller's */
    const char *name;    /* for messages; the caller's */
    struct clip_shape shape;
    size_t count, read;  /* records in all, records read so far */
};

int clips_stream_open(struct clips_stream *clips, FILE *stream, const char *name, struct error *error);

/* Reads the next record into head and x (clip_shape_values floats). Returns 1 for a record, 0 at the end (after
 * checking that nothing follows), -1 on failure. */
int clips_stream_next(struct clips_stream *clips, struct clip_head *head, float *x, struct error *error);

/* --- A whole file, mapped into memory: nothing is read before it is used. --- */
struct clips_file {
    struct clip_shape shape;
    size_t count;
    const unsigned char *records; /* count records of record_bytes each */
    size_t record_bytes;
    void *map;                    /* the whole file */
    size_t map_bytes;
};

/* Maps the file and checks its header against its size; the records' contents are checked by clips_file_check. */
int clips_file_open(struct clips_file *file, const char *path, struct error *error);
void clips_file_release(struct clips_file *file);

/* Checks every record (key, finite x); `name` stands in the message. */
int clips_file_check(const struct clips_file *file, const char *name, struct error *error);

/* Valid until release. */
struct clip_head clips_file_head(const struct clips_file *file, size_t index);
const float *clips_file_x(const struct clips_file *file, size_t index);

#endif
