/* 3x3 convolutions by tiles of 2x2 outputs, in the order that fixed_sum.h states: 16 products for 4 outputs of an input
 * channel instead of 36 (F(2x2, 3x3) of Lavin and Gray, CVPR 2016).
 *
 * Tiles are numbered along the pairs of rows of a band. A block of them at a time: its inputs are transformed for all
 * channels into scratch memory, which the second-level cache holds; then for each group of outputs the products of each
 * of the 16 elements are summed in registers, as in convolution.c, and what comes of them is transformed into the
 * outputs. */
#include "kernel/kernel.h"

#include "fixed_sum.h"
#include "kernel/vector.h"

enum {
    BLOCK_TILES = TILE_VECTORS * VECTOR_FLOATS,
    ELEMENTS = 16,
    SPARE = VECTOR_FLOATS, /* vectors begin at any tile of a block, and end at most this much behind it */
    GROUP_OUTPUTS = 2 * PACKED_OUTPUTS
};

_Static_assert(2 * VECTOR_FLOATS + 2 <= (int)PLANES_OVERRUN, "a vector of tiles reads so far past the last");

/* Floats of the transformed inputs of one element. */
static size_t element_step(int inputs)
{
    return (size_t)inputs * BLOCK_TILES + SPARE;
}

size_t KERNEL(winograd_scratch_values)(int inputs)
{
    return ELEMENTS * (element_step(inputs) + (size_t)GROUP_OUTPUTS * BLOCK_TILES) + SPARE;
}

/* u = G g: four of three, `step` apart. */
static void transform_weights(float *u, const float *g, int step)
{
    float outer = g[0] + g[2 * step];
    u[0] = g[0];
    u[step] = (outer + g[step]) * 0.5f;
    u[2 * step] = (outer - g[step]) * 0.5f;
    u[3 * step] = g[2 * step];
}

/* packed[group][element][i][o within the group], missing outputs zero. */
void KERNEL(winograd_pack)(float *packed, const float *weight, int outputs, int inputs, int transposed)
{
    int rows = transposed ? inputs : outputs, columns = transposed ? outputs : inputs;
    for (int group = 0; group < rows; group += PACKED_OUTPUTS, packed += ELEMENTS * PACKED_OUTPUTS * columns)
        for (int column = 0; column < columns; column++)
            for (int row = group; row < group + PACKED_OUTPUTS; row++) {
                float g[9] = {0}, down[12], u[ELEMENTS];
                for (int square = 0; square < 9 && row < rows; square++) {
                    int o = transposed ? column : row, i = transposed ? row : column;
                    g[square] = weight[((size_t)o * (size_t)inputs + (size_t)i) * 9 +
                                       (size_t)(transposed ? 8 - square : square)];
                }
                for (int kx = 0; kx < 3; kx++)
                    transform_weights(down + kx, g + kx, 3);
                for (int ky = 0; ky < 4; ky++)
                    transform_weights(u + 4 * ky, down + 3 * ky, 1);
                for (int e = 0; e < ELEMENTS; e++)
                    packed[((size_t)e * (size_t)columns + (size_t)column) * PACKED_OUTPUTS + (size_t)(row - group)] =
                        u[e];
            }
}

/* Some tiles of one pair of rows. */
struct segment {
    int pair, first, count; /* the pair of rows, the first tile in it, tiles */
};

/* The part of tiles `tile` to end - 1 that lies in one pair of rows. */
static struct segment segment_at(size_t tile, size_t end, int tiles_a_row)
{
    struct segment segment = {(int)(tile / (size_t)tiles_a_row), (int)(tile % (size_t)tiles_a_row), 0};
    size_t left = (size_t)(tiles_a_row - segment.first);
    segment.count = (int)(end - tile < left ? end - tile : left);
    return segment;
}

/* v[e] = the element of B^T d B of each tile, for VECTOR_FLOATS tiles; rows[y] begins at the first tile's column -1. */
static inline void transform_inputs(float *v, size_t step, const float *const rows[4])
{
    vector d[4][4], w[4][4];
    for (int part = 0; part < 4; part++) {
        ptrdiff_t at = part / 2 * 2 + part % 2 * VECTOR_FLOATS;
        for (int y = 0; y < 4; y++)
            d[y][part] = vector_load(rows[y] + at);
        w[0][part] = d[0][part] - d[2][part];
        w[1][part] = d[1][part] + d[2][part];
        w[2][part] = d[2][part] - d[1][part];
        w[3][part] = d[1][part] - d[3][part];
    }
    for (int y = 0; y < 4; y++, v += 4 * step) {
        vector column[4] = {vector_even(w[y][0], w[y][1]), vector_odd(w[y][0], w[y][1]),
                            vector_even(w[y][2], w[y][3]), vector_odd(w[y][2], w[y][3])};
        vector_store(v, column[0] - column[2]);
        vector_store(v + step, column[1] + column[2]);
        vector_store(v + 2 * step, column[2] - column[1]);
        vector_store(v + 3 * step, column[1] - column[3]);
    }
}

/* v[e][i][tile]: tiles `tile` to end - 1 of some channels, `row_tiles` floats from one channel to the next. What a
 * vector holds past a segment, the next one writes over. */
static void transform_block(float *v, size_t step, int row_tiles, const float *x, int channels, size_t tile, size_t end,
                            int tiles_a_row, const struct planes *planes)
{
    for (int i = 0; i < channels; i++, x += planes->size) {
        float *to = v + i * row_tiles;
        for (size_t at = tile; at < end;) {
            struct segment segment = segment_at(at, end, tiles_a_row);
            const float *row = x + planes_row(planes, 2 * segment.pair - 1) + 2 * segment.first - 1;
            /* The row after next is not there after an odd last one, whose outputs do not need it. */
            const float *rows[4] = {row, row + planes->stride, row + 2 * planes->stride, row + 3 * planes->stride};
            if (2 * segment.pair + 1 == planes->height)
                rows[3] = rows[2];
            for (int t = 0; t < segment.count; t += VECTOR_FLOATS) {
                transform_inputs(to + t, step, rows);
                for (int y = 0; y < 4; y++)
                    rows[y] += 2 * VECTOR_FLOATS;
            }
            at += (size_t)segment.count;
            to += segment.count;
        }
    }
}

/* sums[o][tile] = sum over i of u[i][o] * v[i][tile], for TILE_OUTPUTS outputs and `vectors` vectors of tiles. */
static inline void add_products(float *sums, const float *v, const float *u, int inputs, const int vectors)
{
    vector tile[TILE_OUTPUTS][TILE_VECTORS];
    for (int o = 0; o < TILE_OUTPUTS; o++)
        for (int n = 0; n < vectors; n++)
            tile[o][n] = vector_broadcast(0.0f);
    for (int i = 0; i < inputs; i++, v += BLOCK_TILES, u += PACKED_OUTPUTS) {
        vector values[TILE_VECTORS];
        for (int n = 0; n < vectors; n++)
            values[n] = vector_load(v + n * VECTOR_FLOATS);
        for (int o = 0; o < TILE_OUTPUTS; o++) {
            vector weight = vector_broadcast(u[o]);
            VECTOR_KEEP(weight);
            for (int n = 0; n < vectors; n++)
                tile[o][n] = vector_fma(weight, values[n], tile[o][n]);
        }
    }
    for (int o = 0; o < TILE_OUTPUTS; o++)
        for (int n = 0; n < vectors; n++)
            vector_store(sums + o * BLOCK_TILES + n * VECTOR_FLOATS, tile[o][n]);
}

/* sums[element][o][tile] of `outputs` outputs from the first of a group on. */
static void add_elements(float *sums, const float *v, const float *packed, int outputs, int inputs, size_t tiles)
{
    size_t step = element_step(inputs), vectors = (tiles + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
    for (int e = 0; e < ELEMENTS; e++, v += step) {
        for (int o = 0; o < outputs; o += TILE_OUTPUTS) {
            const float *u = packed + ((size_t)(o / PACKED_OUTPUTS) * ELEMENTS + (size_t)e) * (size_t)inputs *
                                          PACKED_OUTPUTS + o % PACKED_OUTPUTS;
            float *to = sums + ((size_t)e * GROUP_OUTPUTS + (size_t)o) * BLOCK_TILES;
            if (vectors == TILE_VECTORS)
                add_products(to, v, u, inputs, TILE_VECTORS);
            else if (vectors == 2)
                add_products(to, v, u, inputs, 2);
            else
                add_products(to, v, u, inputs, 1);
        }
    }
}

/* y[row][column] = A^T M A of VECTOR_FLOATS tiles, as two rows of pairs. */
static inline void transform_outputs(vector y[2][2], const float *sums)
{
    const size_t step = GROUP_OUTPUTS * BLOCK_TILES;
    vector down[2][4];
    for (int column = 0; column < 4; column++, sums += step) {
        vector m[4];
        for (int row = 0; row < 4; row++)
            m[row] = vector_load(sums + (size_t)(4 * row) * step);
        down[0][column] = (m[0] + m[1]) + m[2];
        down[1][column] = (m[1] - m[2]) - m[3];
    }
    for (int row = 0; row < 2; row++) {
        y[row][0] = (down[row][0] + down[row][1]) + down[row][2];
        y[row][1] = (down[row][1] - down[row][2]) - down[row][3];
    }
}

/* Stores the first `count` of a, b, a, b, ... */
static inline void store_pairs(float *to, vector a, vector b, int count)
{
    vector low = vector_low_pairs(a, b), high = vector_high_pairs(a, b);
    if (count >= 2 * VECTOR_FLOATS) {
        vector_store(to, low);
        vector_store(to + VECTOR_FLOATS, high);
    } else if (count > VECTOR_FLOATS) {
        vector_store(to, low);
        vector_store_first(to + VECTOR_FLOATS, high, count - VECTOR_FLOATS);
    } else {
        vector_store_first(to, low, count);
    }
}

/* Tiles `tile` to end - 1 of one output. */
static void store_block(float *y, const float *sums, const float *bias, size_t tile, size_t end, int tiles_a_row,
                        const struct planes *planes)
{
    vector offset = vector_broadcast(bias != NULL ? *bias : 0.0f);
    for (size_t at = tile; at < end;) {
        struct segment segment = segment_at(at, end, tiles_a_row);
        float *row = y + planes_row(planes, 2 * segment.pair) + 2 * segment.first;
        int both = 2 * segment.pair + 1 < planes->height, left = planes->width - 2 * segment.first;
        left = left < 2 * segment.count ? left : 2 * segment.count;
        for (int t = 0; t < segment.count; t += VECTOR_FLOATS, row += 2 * VECTOR_FLOATS, left -= 2 * VECTOR_FLOATS) {
            vector values[2][2];
            transform_outputs(values, sums + t);
            for (int i = 0; i < 4 && bias != NULL; i++)
                values[i / 2][i % 2] = values[i / 2][i % 2] + offset;
            store_pairs(row, values[0][0], values[0][1], left);
            if (both)
                store_pairs(row + planes->stride, values[1][0], values[1][1], left);
        }
        at += (size_t)segment.count;
        sums += segment.count;
    }
}

void KERNEL(winograd)(float *y, const float *x, const float *packed, const float *bias, float *scratch,
                      const struct planes *y_planes, const struct planes *x_planes)
{
    int inputs = x_planes->channels, tiles_a_row = (x_planes->width + 1) / 2;
    size_t tiles = (size_t)tiles_a_row * (size_t)((x_planes->height + 1) / 2);
    size_t group_values = (size_t)inputs * ELEMENTS * PACKED_OUTPUTS;
    float *v = scratch, *sums = scratch + ELEMENTS * element_step(inputs);
    for (size_t tile = 0; tile < tiles; tile += BLOCK_TILES) {
        size_t end = tiles - tile < BLOCK_TILES ? tiles : tile + BLOCK_TILES;
        transform_block(v, element_step(inputs), BLOCK_TILES, x + x_planes->margin, inputs, tile, end, tiles_a_row,
                        x_planes);
        for (int o = 0; o < y_planes->channels; o += GROUP_OUTPUTS) {
            int outputs = y_planes->channels - o < GROUP_OUTPUTS ? y_planes->channels - o : GROUP_OUTPUTS;
            add_elements(sums, v, packed + (size_t)(o / PACKED_OUTPUTS) * group_values, outputs, inputs, end - tile);
            for (int t = 0; t < outputs; t++)
                store_block(planes_channel(y_planes, y, o + t), sums + t * BLOCK_TILES,
                            bias != NULL ? &bias[o + t] : NULL, tile, end, tiles_a_row, y_planes);
        }
    }
}

/* --- The gradient of the weight --- */

enum { PART = VECTOR_FLOATS /* channels that are transposed at once */ };

_Static_assert(WINOGRAD_TILES % VECTOR_FLOATS == 0 && LANES % VECTOR_FLOATS == 0, "tiles and channels fill vectors");

/* Floats of one element of `channels` channels, tiles as they come from a transform. */
static size_t rows_step(int channels)
{
    return (size_t)channels * WINOGRAD_TILES + SPARE;
}

/* `count` rounded up to whole units. */
static size_t padded(int count, int unit)
{
    return (size_t)((count + unit - 1) / unit * unit);
}

size_t KERNEL(winograd_weight_scratch_values)(int inputs)
{
    return ELEMENTS * (rows_step(PART) + WINOGRAD_TILES * padded(inputs, LANES) + rows_step(PACKED_OUTPUTS));
}

/* sums[element][o][i], both up to whole units. */
size_t KERNEL(winograd_sums_values)(int outputs, int inputs)
{
    return ELEMENTS * padded(outputs, PACKED_OUTPUTS) * padded(inputs, LANES);
}

/* to[tile][channel] = from[channel][tile], a square of vectors. */
static inline void transpose(float *to, size_t to_step, const float *from, size_t from_step)
{
    vector rows[VECTOR_FLOATS], next[VECTOR_FLOATS];
    for (int i = 0; i < VECTOR_FLOATS; i++)
        rows[i] = vector_load(from + (size_t)i * from_step);
    for (int turn = 1; turn < VECTOR_FLOATS; turn *= 2) {
        for (int i = 0; i < VECTOR_FLOATS / 2; i++) {
            next[2 * i] = vector_low_pairs(rows[i], rows[i + VECTOR_FLOATS / 2]);
            next[2 * i + 1] = vector_high_pairs(rows[i], rows[i + VECTOR_FLOATS / 2]);
        }
        for (int i = 0; i < VECTOR_FLOATS; i++)
            rows[i] = next[i];
    }
    for (int i = 0; i < VECTOR_FLOATS; i++)
        vector_store(to + (size_t)i * to_step, rows[i]);
}

/* v[e][tile][i] of a block, by way of `part`. */
static void transform_across(float *v, float *part, const float *x, size_t tile, size_t end, int tiles_a_row,
                             const struct planes *planes)
{
    size_t width = padded(planes->channels, LANES);
    for (int i = 0; i < planes->channels; i += PART) {
        int channels = planes->channels - i < PART ? planes->channels - i : PART;
        transform_block(part, rows_step(PART), WINOGRAD_TILES, x + (size_t)i * planes->size, channels, tile, end,
                        tiles_a_row, planes);
        for (int e = 0; e < ELEMENTS; e++)
            for (int t = 0; t < (int)(end - tile); t += VECTOR_FLOATS)
                transpose(v + ((size_t)e * WINOGRAD_TILES + (size_t)t) * width + (size_t)i, width,
                          part + (size_t)e * rows_step(PART) + t, WINOGRAD_TILES);
    }
}

/* The four elements of two gradients. */
static inline void spread(vector to[4], vector first, vector second)
{
    to[0] = first;
    to[1] = first + second;
    to[2] = first - second;
    to[3] = second;
}

/* d[e][o][tile] of some channels: the elements of their 2x2 gradients. */
static void transform_gradients(float *d, const float *dy, int channels, size_t tile, size_t end, int tiles_a_row,
                                const struct planes *planes)
{
    size_t step = rows_step(PACKED_OUTPUTS);
    for (int o = 0; o < channels; o++, dy += planes->size) {
        float *to = d + o * WINOGRAD_TILES;
        for (size_t at = tile; at < end;) {
            struct segment segment = segment_at(at, end, tiles_a_row);
            const float *row = dy + planes_row(planes, 2 * segment.pair) + 2 * segment.first;
            for (int t = 0; t < segment.count; t += VECTOR_FLOATS, row += 2 * VECTOR_FLOATS) {
                const float *below = row + planes->stride;
                vector upper[2] = {vector_load(row), vector_load(row + VECTOR_FLOATS)};
                vector lower[2] = {vector_load(below), vector_load(below + VECTOR_FLOATS)};
                vector even[4], odd[4], across[4];
                spread(even, vector_even(upper[0], upper[1]), vector_even(lower[0], lower[1]));
                spread(odd, vector_odd(upper[0], upper[1]), vector_odd(lower[0], lower[1]));
                for (int y = 0; y < 4; y++) {
                    spread(across, even[y], odd[y]);
                    for (int x = 0; x < 4; x++)
                        vector_store(to + t + (size_t)(4 * y + x) * step, across[x]);
                }
            }
            at += (size_t)segment.count;
            to += segment.count;
        }
    }
}

/* sums[o][i] += the sum over tiles of d[o][tile] * v[tile][i], for TILE_OUTPUTS outputs and `vectors` of inputs. */
static inline void add_tiles(float *sums, const float *d, const float *v, size_t width, size_t tiles, const int vectors)
{
    vector tile[TILE_OUTPUTS][TILE_VECTORS];
    for (int o = 0; o < TILE_OUTPUTS; o++)
        for (int n = 0; n < vectors; n++)
            tile[o][n] = vector_broadcast(0.0f);
    for (size_t t = 0; t < tiles; t++, v += width) {
        vector values[TILE_VECTORS];
        for (int n = 0; n < vectors; n++)
            values[n] = vector_load(v + n * VECTOR_FLOATS);
        for (int o = 0; o < TILE_OUTPUTS; o++) {
            vector gradient = vector_broadcast(d[(size_t)o * WINOGRAD_TILES + t]);
            VECTOR_KEEP(gradient);
            for (int n = 0; n < vectors; n++)
                tile[o][n] = vector_fma(gradient, values[n], tile[o][n]);
        }
    }
    for (int o = 0; o < TILE_OUTPUTS; o++)
        for (int n = 0; n < vectors; n++) {
            float *to = sums + (size_t)o * width + n * VECTOR_FLOATS;
            vector_store(to, vector_load(to) + tile[o][n]);
        }
}

/* All inputs of a group of outputs, one element. */
static void add_group(float *sums, const float *d, const float *v, size_t width, size_t tiles)
{
    for (int o = 0; o < PACKED_OUTPUTS; o += TILE_OUTPUTS) {
        size_t i = 0;
        for (; i + 2 * VECTOR_FLOATS <= width; i += 2 * VECTOR_FLOATS)
            add_tiles(sums + i, d, v + i, width, tiles, 2);
        if (i < width)
            add_tiles(sums + i, d, v + i, width, tiles, 1);
        sums += TILE_OUTPUTS * width;
        d += TILE_OUTPUTS * WINOGRAD_TILES;
    }
}

/* w = G^T m: three of four, `step` apart. */
static inline void gather(float *w, const float *m, int step)
{
    float half = (m[step] + m[2 * step]) * 0.5f;
    w[0] = m[0] + half;
    w[step] = (m[step] - m[2 * step]) * 0.5f;
    w[2 * step] = half - m[3 * step];
}

void KERNEL(winograd_add_strip)(float *sums, const float *dy, const float *x, float *scratch,
                                const struct planes *dy_planes, const struct planes *x_planes)
{
    int inputs = x_planes->channels, outputs = dy_planes->channels, tiles_a_row = (x_planes->width + 1) / 2;
    size_t tiles = (size_t)tiles_a_row * (size_t)((x_planes->height + 1) / 2), width = padded(inputs, LANES);
    size_t element = padded(outputs, PACKED_OUTPUTS) * width;
    float *v = scratch, *part = v + ELEMENTS * WINOGRAD_TILES * width, *d = part + ELEMENTS * rows_step(PART);
    for (size_t tile = 0; tile < tiles; tile += WINOGRAD_TILES) {
        size_t end = tiles - tile < WINOGRAD_TILES ? tiles : tile + WINOGRAD_TILES;
        transform_across(v, part, x + x_planes->margin, tile, end, tiles_a_row, x_planes);
        for (int o = 0; o < outputs; o += PACKED_OUTPUTS) {
            int channels = outputs - o < PACKED_OUTPUTS ? outputs - o : PACKED_OUTPUTS;
            transform_gradients(d, planes_channel_const(dy_planes, dy, o), channels, tile, end, tiles_a_row, dy_planes);
            for (int e = 0; e < ELEMENTS; e++)
                add_group(sums + (size_t)e * element + (size_t)o * width, d + (size_t)e * rows_step(PACKED_OUTPUTS),
                          v + (size_t)e * WINOGRAD_TILES * width, width, end - tile);
        }
    }
}

void KERNEL(winograd_end_sums)(float *dweight, const float *sums, int outputs, int inputs)
{
    size_t width = padded(inputs, LANES), element = padded(outputs, PACKED_OUTPUTS) * width;
    for (int o = 0; o < outputs; o++)
        for (int i = 0; i < inputs; i++, dweight += 9) {
            float m[ELEMENTS], down[12];
            for (int e = 0; e < ELEMENTS; e++)
                m[e] = sums[(size_t)e * element + (size_t)o * width + (size_t)i];
            for (int c = 0; c < 4; c++)
                gather(down + c, m + c, 4);
            for (int r = 0; r < 3; r++)
                gather(dweight + 3 * r, down + 4 * r, 1);
        }
}
