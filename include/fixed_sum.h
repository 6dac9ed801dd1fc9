/* The shape of every long sum, in one place.
 *
 * A sum of many terms has LANES accumulators. A term's lane follows from where it is, never from who computes it; each
 * lane adds its terms in ascending order from zero; then the lanes are folded in halves. So the width of a vector
 * register, the number of threads and the way the work is cut cannot change a bit.
 *
 * The rows of a clip are cut into PARTS parts (fixed_sum_part), each of which has sums of its own, so that threads can
 * share a clip; a part is cut into strips of STRIP_ROWS rows, few enough for a cache. A part that has no rows has the
 * sum zero.
 *
 *   weight gradient of a convolution (float): a strip's positions p = 0, 1, ... of the planes (planes.h; pads included,
 *     and as many more as make a multiple of LANES: there dy is zero), in blocks of BLOCK_POSITIONS. In a block, lane
 *     p mod LANES, from zero, each term one fused multiply-add; the lanes of a part's blocks are added in ascending
 *     order to zero; folded; then parts and clips in ascending order (fixed_sum_terms). A term of a clip goes through at
 *     most BLOCK_POSITIONS / LANES + blocks of its part + 4 + PARTS roundings, 80 for 128 x 201, where a plain chain has
 *     25,728. Measured (tests/kernels.c): off by 5e-8 of the sum of the terms' sizes, where the chain is off by 2e-6.
 *   sums of a channel (double): a part's rows in ascending order, lane x mod LANES of column x; folded; then parts and
 *     clips in ascending order.
 *   loss and counts of an epoch: clips in ascending order.
 *
 * A sum of few terms, as an output of a convolution or of the linear layer, is a chain: one accumulator, from zero,
 * terms in ascending order of their index (input channel, row, column), each term one fused multiply-add.
 *
 * A 3x3 convolution of many channels (winograd_chosen) goes by tiles of 2x2 outputs, at even rows and columns of the
 * plane, with what is outside the plane zero: F(2x2, 3x3) of Lavin and Gray (CVPR 2016). For the 4x4 inputs d from one
 * row and column before the tile on and the weights g, each sum below in the order written, from left to right,
 *     V = B^T d B:     d0 - d2, d1 + d2, d2 - d1, d1 - d3
 *     U = G g G^T:     g0, (g0 + g2 + g1) / 2, (g0 + g2 - g1) / 2, g2
 *     M = a chain over the input channels of U * V, for each of the 16 elements
 *     Y = A^T M A:     m0 + m1 + m2, m1 - m2 - m3
 * first along each column, then along each row; then the bias. The gradient of its weight (winograd_weight_chosen) is,
 * with dy a tile's 2x2 gradients and V as above,
 *     D = A dy A^T:    dy0, dy0 + dy1, dy0 - dy1, dy1
 *     M = the sum over a part's tiles of D * V: a strip's rows of tiles end to end, in blocks of WINOGRAD_TILES; a block
 *         is a chain from zero, the blocks of a part are added in ascending order to zero
 *     dg = G^T M G:    m0 + (m1 + m2) / 2, (m1 - m2) / 2, (m1 + m2) / 2 - m3
 * for each part; then parts and clips in ascending order. */
#ifndef BITFAST_FIXED_SUM_H
#define BITFAST_FIXED_SUM_H

#include <stddef.h>

enum { LANES = 16, BLOCK_POSITIONS = 1024, WINOGRAD_TILES = 48, PARTS = 4, STRIP_ROWS = 8 };

/* Rows first to end - 1, whole strips but for the last row; none where first == end. */
struct rows {
    int first, end;
};

/* Part `part` of `height` rows: the parts are equally many strips, of which the last ones may be missing. */
static inline struct rows fixed_sum_part(int height, int part)
{
    int strips = (height + STRIP_ROWS - 1) / STRIP_ROWS, rows = (strips + PARTS - 1) / PARTS * STRIP_ROWS;
    struct rows all = {part * rows, (part + 1) * rows};
    return (struct rows){all.first < height ? all.first : height, all.end < height ? all.end : height};
}

/* Written out, because compilers do not make vectors of a loop over the halves. */
#define FIXED_SUM_FOLD(name, type)                                                                                     \
    static inline type name(const type lanes[LANES])                                                                   \
    {                                                                                                                  \
        type eight[8], four[4];                                                                                        \
        for (int lane = 0; lane < 8; lane++)                                                                           \
            eight[lane] = lanes[lane] + lanes[lane + 8];                                                               \
        for (int lane = 0; lane < 4; lane++)                                                                           \
            four[lane] = eight[lane] + eight[lane + 4];                                                                \
        return (four[0] + four[2]) + (four[1] + four[3]);                                                              \
    }
FIXED_SUM_FOLD(fixed_sum_fold, float)
FIXED_SUM_FOLD(fixed_sum_fold_double, double)

/* Two sums of a channel while they grow. */
struct channel_sums {
    double sum[LANES], products[LANES];
};

/* sum[i] = terms[i] + terms[step + i] + ..., for i < count: parts of clips, in ascending order. */
static inline void fixed_sum_terms(float *sum, const float *terms, size_t number, size_t step, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] = terms[i];
    for (size_t term = 1; term < number; term++)
        for (size_t i = 0; i < count; i++)
            sum[i] = sum[i] + terms[term * step + i];
}

#endif
