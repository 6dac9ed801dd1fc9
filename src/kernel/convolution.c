/* Convolution as chains. A tile of outputs x positions stays in registers while the sum runs over (input channel, row,
 * column): each weight is one broadcast, each stretch of the input one load for all outputs of the tile. */
#include "kernel/kernel.h"

#include "fixed_sum.h"
#include "kernel/vector.h"

enum { TILE_POSITIONS = TILE_VECTORS * VECTOR_FLOATS };

_Static_assert(PACKED_OUTPUTS % TILE_OUTPUTS == 0 && TILE_POSITIONS <= (int)PLANES_OVERRUN &&
                   BLOCK_POSITIONS % LANES == 0,
               "tiles divide what they are cut from");

/* Of the weight gradient: a block of the gradients; or what winograd needs. */
size_t KERNEL(convolution_scratch_values)(int outputs, int inputs, int kernel)
{
    size_t gradient = (size_t)WEIGHT_OUTPUTS * BLOCK_POSITIONS;
    if (winograd_weight_chosen(outputs, inputs, kernel))
        gradient = KERNEL(winograd_weight_scratch_values)(inputs);
    size_t tiles = winograd_chosen(outputs, inputs, kernel) ? KERNEL(winograd_scratch_values)(inputs) : 0;
    return gradient > tiles ? gradient : tiles;
}

/* packed[group][i][ky][kx][o within the group], missing outputs zero. */
void KERNEL(convolution_pack)(float *packed, const float *weight, int outputs, int inputs, int kernel, int transposed)
{
    if (winograd_chosen(outputs, inputs, kernel)) {
        KERNEL(winograd_pack)(packed, weight, outputs, inputs, transposed);
        return;
    }
    int squares = kernel * kernel, rows = transposed ? inputs : outputs, columns = transposed ? outputs : inputs;
    for (int group = 0; group < rows; group += PACKED_OUTPUTS)
        for (int column = 0; column < columns; column++)
            for (int square = 0; square < squares; square++)
                for (int row = group; row < group + PACKED_OUTPUTS; row++) {
                    int o = transposed ? column : row, i = transposed ? row : column;
                    int at = transposed ? squares - 1 - square : square;
                    *packed++ = row < rows ? weight[((size_t)o * (size_t)inputs + (size_t)i) * (size_t)squares +
                                                    (size_t)at]
                                           : 0.0f;
                }
}

/* One tile: TILE_OUTPUTS outputs at TILE_POSITIONS positions from p on. */
static inline void convolve_tile(vector sums[TILE_OUTPUTS][TILE_VECTORS], const float *x, const float *packed,
                                 const struct planes *x_planes, const int kernel)
{
    ptrdiff_t first = -(ptrdiff_t)x_planes->pad * x_planes->stride - x_planes->pad;
    vector tile[TILE_OUTPUTS][TILE_VECTORS];
    for (int o = 0; o < TILE_OUTPUTS; o++)
        for (int v = 0; v < TILE_VECTORS; v++)
            tile[o][v] = vector_broadcast(0.0f);
    for (int i = 0; i < x_planes->channels; i++) {
        const float *row = x + (size_t)i * x_planes->size + first;
        for (int ky = 0; ky < kernel; ky++, row += x_planes->stride) {
            for (int kx = 0; kx < kernel; kx++, packed += PACKED_OUTPUTS) {
                vector values[TILE_VECTORS];
                for (int v = 0; v < TILE_VECTORS; v++)
                    values[v] = vector_load(row + kx + v * VECTOR_FLOATS);
                for (int o = 0; o < TILE_OUTPUTS; o++) {
                    vector weight = vector_broadcast(packed[o]);
                    VECTOR_KEEP(weight);
                    for (int v = 0; v < TILE_VECTORS; v++)
                        tile[o][v] = vector_fma(weight, values[v], tile[o][v]);
                }
            }
        }
    }
    for (int o = 0; o < TILE_OUTPUTS; o++)
        for (int v = 0; v < TILE_VECTORS; v++)
            sums[o][v] = tile[o][v];
}

/* Sets the pad of each row back to zero. */
static void clear_pads(float *y, const struct planes *planes)
{
    for (int channel = 0; channel < planes->channels; channel++) {
        float *row = planes_channel(planes, y, channel);
        for (int line = 0; line < planes->height; line++, row += planes->stride)
            memset(row + planes->width, 0, (size_t)planes->pad * sizeof *row);
    }
}

/* Stores the first `count` positions of a tile; the others are not this band's. */
static inline void store_positions(float *to, const vector sums[TILE_VECTORS], size_t count)
{
    for (int v = 0; v < TILE_VECTORS; v++, to += VECTOR_FLOATS) {
        size_t first = (size_t)v * VECTOR_FLOATS;
        if (first + VECTOR_FLOATS <= count)
            vector_store(to, sums[v]);
        else if (first < count)
            vector_store_first(to, sums[v], (int)(count - first));
    }
}

void KERNEL(convolution)(float *y, const float *x, const float *packed, const float *bias, float *scratch,
                         const struct planes *y_planes, const struct planes *x_planes)
{
    int kernel = 2 * x_planes->pad + 1;
    if (winograd_chosen(y_planes->channels, x_planes->channels, kernel)) {
        KERNEL(winograd)(y, x, packed, bias, scratch, y_planes, x_planes);
        return;
    }
    size_t group_values = (size_t)x_planes->channels * (size_t)(kernel * kernel) * PACKED_OUTPUTS;
    size_t positions = planes_positions(x_planes);
    for (size_t p = 0; p < positions; p += TILE_POSITIONS) {
        for (int o = 0; o < y_planes->channels; o += TILE_OUTPUTS) {
            const float *weight = packed + (size_t)(o / PACKED_OUTPUTS) * group_values + o % PACKED_OUTPUTS;
            vector sums[TILE_OUTPUTS][TILE_VECTORS];
            /* A constant size, so that its loops are unrolled; narrower vectors gain nothing by it. */
            if (kernel == 3 && VECTOR_FLOATS == 16)
                convolve_tile(sums, x + x_planes->margin + p, weight, x_planes, 3);
            else
                convolve_tile(sums, x + x_planes->margin + p, weight, x_planes, kernel);
            for (int t = 0; t < TILE_OUTPUTS && o + t < y_planes->channels; t++) {
                vector offset = vector_broadcast(bias != NULL ? bias[o + t] : 0.0f);
                for (int v = 0; v < TILE_VECTORS && bias != NULL; v++)
                    sums[t][v] = sums[t][v] + offset;
                store_positions(planes_channel(y_planes, y, o + t) + p, sums[t], positions - p);
            }
        }
    }
    clear_pads(y, y_planes);
}

/* Adds the sums over a block's `count` positions (a multiple of LANES) to the lanes of WEIGHT_OUTPUTS x taps weights;
 * lanes of neighbouring taps follow one another, those of the next output are output_step floats on. dy is as
 * pack_gradients leaves it, x the input's channel, and a tap reads it at its offset. The gradients of a block take
 * 16 kB, half of a small first-level cache: what is read for every weight comes from there. */
static inline void add_block(float *lanes, size_t output_step, const float *dy, const float *x,
                             const ptrdiff_t offsets[WEIGHT_TAPS], size_t count, const int taps)
{
    for (int part = 0; part < LANES; part += VECTOR_FLOATS) {
        const float *gradients = dy + part;
        vector tile[WEIGHT_OUTPUTS][WEIGHT_TAPS];
        for (int o = 0; o < WEIGHT_OUTPUTS; o++)
            for (int tap = 0; tap < taps; tap++)
                tile[o][tap] = vector_broadcast(0.0f);
        for (size_t p = (size_t)part; p < count; p += LANES, gradients += WEIGHT_OUTPUTS * LANES) {
            vector values[WEIGHT_TAPS];
            for (int tap = 0; tap < taps; tap++)
                values[tap] = vector_load(x + offsets[tap] + p);
            for (int o = 0; o < WEIGHT_OUTPUTS; o++) {
                vector gradient = vector_load(gradients + o * LANES);
                VECTOR_KEEP(gradient);
                for (int tap = 0; tap < taps; tap++)
                    tile[o][tap] = vector_fma(gradient, values[tap], tile[o][tap]);
            }
        }
        for (int o = 0; o < WEIGHT_OUTPUTS; o++)
            for (int tap = 0; tap < taps; tap++) {
                float *to = lanes + (size_t)o * output_step + tap * LANES + part;
                vector_store(to, vector_load(to) + tile[o][tap]);
            }
    }
}

/* All weights of WEIGHT_OUTPUTS outputs, for one block of positions. A tap is a row and a column of the kernel; they are
 * cut into groups as large as there are registers for, and as equal as can be. */
static void add_weights(float *lanes, const float *dy, const float *x, size_t count, const struct planes *x_planes)
{
    int kernel = 2 * x_planes->pad + 1, squares = kernel * kernel, groups = (squares + WEIGHT_TAPS - 1) / WEIGHT_TAPS;
    size_t output_step = (size_t)x_planes->channels * (size_t)squares * LANES;
    for (int i = 0; i < x_planes->channels; i++, x += x_planes->size)
        for (int group = 0, first = 0; group < groups; group++) {
            ptrdiff_t offsets[WEIGHT_TAPS];
            int taps = (squares - first + groups - group - 1) / (groups - group);
            for (int tap = 0; tap < taps; tap++)
                offsets[tap] = planes_row(x_planes, (first + tap) / kernel - x_planes->pad) +
                               (first + tap) % kernel - x_planes->pad;
            switch (taps) { /* constants, so that a tile stays in registers */
#define TAPS(number)                                                                                                   \
    case number:                                                                                                       \
        add_block(lanes, output_step, dy, x, offsets, count, number < WEIGHT_TAPS ? number : WEIGHT_TAPS);             \
        break;
                TAPS(1)
                TAPS(2)
                TAPS(3)
                TAPS(4)
                TAPS(5)
                TAPS(6)
#undef TAPS
            }
            first += taps;
            lanes += taps * LANES;
        }
}

_Static_assert(WEIGHT_TAPS <= 6, "the cases of add_weights");

/* packed[p / LANES][o][p mod LANES]: what one turn of add_block reads lies together; zero from position `end` on.
 * Outputs past the last are the last one again; their result is not used. Returns how many positions there are now. */
static size_t pack_gradients(float *packed, const float *dy, int first, size_t p, size_t end,
                             const struct planes *dy_planes)
{
    size_t at = p;
    for (; at < end; at += LANES)
        for (int o = first; o < first + WEIGHT_OUTPUTS; o++, packed += LANES) {
            int output = o < dy_planes->channels ? o : dy_planes->channels - 1;
            const float *from = planes_channel_const(dy_planes, dy, output) + at;
            if (end - at >= LANES) {
                memcpy(packed, from, LANES * sizeof *packed);
            } else {
                memset(packed, 0, LANES * sizeof *packed);
                memcpy(packed, from, (end - at) * sizeof *packed);
            }
        }
    return at - p;
}

/* lanes[o][i][ky][kx][lane], outputs up to a multiple of WEIGHT_OUTPUTS. */
size_t KERNEL(convolution_sums_values)(int outputs, int inputs, int kernel)
{
    if (winograd_weight_chosen(outputs, inputs, kernel))
        return KERNEL(winograd_sums_values)(outputs, inputs);
    size_t groups = (size_t)(outputs + WEIGHT_OUTPUTS - 1) / WEIGHT_OUTPUTS;
    return groups * WEIGHT_OUTPUTS * (size_t)inputs * (size_t)(kernel * kernel) * LANES;
}

void KERNEL(convolution_add_strip)(float *sums, const float *dy, const float *x, float *scratch,
                                   const struct planes *dy_planes, const struct planes *x_planes)
{
    int kernel = 2 * x_planes->pad + 1;
    if (winograd_weight_chosen(dy_planes->channels, x_planes->channels, kernel)) {
        KERNEL(winograd_add_strip)(sums, dy, x, scratch, dy_planes, x_planes);
        return;
    }
    size_t lanes = (size_t)x_planes->channels * (size_t)(kernel * kernel) * LANES;
    size_t positions = planes_positions(x_planes);
    for (int o = 0; o < dy_planes->channels; o += WEIGHT_OUTPUTS)
        for (size_t p = 0; p < positions; p += BLOCK_POSITIONS) {
            size_t end = positions - p < BLOCK_POSITIONS ? positions : p + BLOCK_POSITIONS;
            size_t count = pack_gradients(scratch, dy, o, p, end, dy_planes);
            add_weights(sums + (size_t)o * lanes, scratch, x + x_planes->margin + p, count, x_planes);
        }
}

void KERNEL(convolution_end_sums)(float *dweight, const float *sums, int outputs, int inputs, int kernel)
{
    if (winograd_weight_chosen(outputs, inputs, kernel)) {
        KERNEL(winograd_end_sums)(dweight, sums, outputs, inputs);
        return;
    }
    for (size_t w = 0; w < (size_t)outputs * (size_t)inputs * (size_t)(kernel * kernel); w++)
        dweight[w] = fixed_sum_fold(sums + w * LANES);
}
