/* How the channels of one clip lie in memory: one plane a channel, its rows end to end, with the zeros between them
 * that a convolution needs.
 *
 *     margin zeros | row 0: width values, pad zeros | row 1: ... | row height - 1: ... | margin zeros
 *
 * stride = width + pad, so that position p = y * stride + x and the neighbour (dy, dx) of any position is p + dy *
 * stride + dx: the pad zeros at the end of a row serve the next row's beginning too, and a convolution runs over all
 * positions of a plane as over one line. What it computes at the pad positions means nothing and is set back to zero.
 * Zeros stay zeros: every function that writes into planes leaves the pads and the margins zero. */
#ifndef BITFAST_PLANES_H
#define BITFAST_PLANES_H

#include <stddef.h>

enum {
    PLANES_ALIGNMENT = 16, /* floats: planes and margins are multiples of 64 bytes */
    PLANES_OVERRUN = 64    /* floats that may be read, or written and set back to zero, past the last position */
};

struct planes {
    int channels, height, width;
    int pad;         /* of the convolution that reads it: (kernel size - 1) / 2 */
    int stride;      /* floats from one row to the next */
    size_t margin;   /* floats before the first and after the last row */
    size_t size;     /* floats from one plane to the next, margins included */
};

struct planes planes_make(int channels, int height, int width, int pad);

/* The same geometry with another number of channels: a convolution's output for its input. */
struct planes planes_like(const struct planes *planes, int channels);

/* The geometry of a band of `rows` rows. Its memory begins planes_row(first row) after the clip's. */
struct planes planes_band(const struct planes *planes, int rows);

/* The geometry of `rows` rows in memory of their own: rows are as long as those of `planes`. */
struct planes planes_strip(const struct planes *planes, int rows);

/* Floats in all planes. */
size_t planes_total(const struct planes *planes);

/* Positions in one plane: height * stride. */
size_t planes_positions(const struct planes *planes);

/* Zeroed memory for `clips` clips, aligned to 64 bytes; NULL if there is none. planes_free, with the same numbers,
 * releases it. Pages that nobody wrote to take no memory. */
float *planes_allocate(const struct planes *planes, size_t clips);
void planes_free(float *memory, const struct planes *planes, size_t clips);

/* The first value of row 0 of a channel, in the memory of one clip. */
static inline float *planes_channel(const struct planes *planes, float *clip, int channel)
{
    return clip + (size_t)channel * planes->size + planes->margin;
}

static inline const float *planes_channel_const(const struct planes *planes, const float *clip, int channel)
{
    return clip + (size_t)channel * planes->size + planes->margin;
}

/* Floats from row 0 to another row. */
static inline ptrdiff_t planes_row(const struct planes *planes, int row)
{
    return (ptrdiff_t)row * planes->stride;
}

#endif
