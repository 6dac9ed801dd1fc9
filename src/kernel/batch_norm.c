/* Batch normalisation, ReLU and pooling, each in one pass over memory. A row is worked on a vector at a time; its last
 * values are loaded and stored under a mask, as what follows may be another thread's. */
#include "kernel/kernel.h"

#include "fixed_sum.h"
#include "kernel/vector.h"

static inline int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* The first `count` values, at most a vector of them; the others zero. */
static inline vector load_some(const float *from, int count)
{
    return count >= VECTOR_FLOATS ? vector_load(from) : vector_load_first(from, count > 0 ? count : 0);
}

static inline void store_some(float *to, vector value, int count)
{
    if (count >= VECTOR_FLOATS)
        vector_store(to, value);
    else if (count > 0)
        vector_store_first(to, value, count);
}

/* scale * c + shift of an affine. */
static inline vector apply(struct affine affine, vector c)
{
    return vector_fma(c, vector_broadcast(affine.scale), vector_broadcast(affine.shift));
}

/* max(0, x); not a number stays what it is, so that a network that diverges shows it. */
static inline vector relu(vector x)
{
    vector zero = vector_broadcast(0.0f);
    return vector_choose(vector_at_most(x, zero), zero, x);
}

/* Where b is the larger one. A later one that is not a number is. */
static inline vector_mask is_larger(vector b, vector a)
{
    return vector_greater(b, a) | vector_unordered(b, b);
}

/* --- Sums of a channel --- */

enum { DOUBLES = VECTOR_FLOATS / 2, VECTORS = LANES / DOUBLES };

/* channel_sums in registers. */
struct running_sums {
    double_vector sum[VECTORS], products[VECTORS];
};

static inline struct running_sums load_sums(const struct channel_sums *sums)
{
    struct running_sums running;
    memcpy(running.sum, sums->sum, sizeof running.sum);
    memcpy(running.products, sums->products, sizeof running.products);
    return running;
}

static inline void store_sums(struct channel_sums *sums, const struct running_sums *running)
{
    memcpy(sums->sum, running->sum, sizeof running->sum);
    memcpy(sums->products, running->products, sizeof running->products);
}

/* Adds LANES terms a and products a * b, in double, where a product of floats is exact: fused or not, the sum is rounded
 * once. To add the zeros after the end of a row changes no bit, as a sum that began at +0 is never -0. */
static inline void add_lanes(struct running_sums *sums, const float *a, const float *b)
{
    for (int v = 0; v < VECTORS; v++) {
        double_vector term = double_load(a + v * DOUBLES);
        double_vector factor = a == b ? term : double_load(b + v * DOUBLES);
        sums->sum[v] = sums->sum[v] + term;
        sums->products[v] = double_fma(term, factor, sums->products[v]);
    }
}

void KERNEL(batch_norm_sums)(struct channel_sums *sums, const float *c, const struct planes *c_planes)
{
    struct running_sums running = load_sums(sums);
    for (int row = 0; row < c_planes->height; row++, c += c_planes->stride) {
        int x = 0;
        for (; x + LANES <= c_planes->width; x += LANES)
            add_lanes(&running, c + x, c + x);
        if (x < c_planes->width) {
            float rest[LANES];
            for (int at = 0; at < LANES; at += VECTOR_FLOATS)
                vector_store(rest + at, load_some(c + x + at, c_planes->width - x - at));
            add_lanes(&running, rest, rest);
        }
    }
    store_sums(sums, &running);
}

/* --- Batch norm and ReLU --- */

static inline void relu_some(float *y, const float *c, struct affine affine, int count)
{
    store_some(y, relu(apply(affine, load_some(c, count))), count);
}

void KERNEL(batch_norm_relu)(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                             const struct planes *c_planes)
{
    for (int row = 0; row < c_planes->height; row++, c += c_planes->stride, y += y_planes->stride) {
        int x = 0;
        for (; x + VECTOR_FLOATS <= c_planes->width; x += VECTOR_FLOATS)
            relu_some(y + x, c + x, affine, VECTOR_FLOATS);
        relu_some(y + x, c + x, affine, c_planes->width - x);
    }
}

/* dy where ReLU lets it through. */
static inline vector relu_gradient(vector dy, vector c, struct affine affine)
{
    vector zero = vector_broadcast(0.0f);
    return vector_choose(vector_greater(apply(affine, c), zero), dy, zero);
}

/* The first `count` of LANES terms. */
static inline void add_gradients(struct running_sums *sums, const float *dy, const float *c, struct affine affine,
                                 int count)
{
    float gradients[LANES], values[LANES];
    for (int at = 0; at < LANES; at += VECTOR_FLOATS) {
        vector value = load_some(c + at, count - at);
        vector_store(gradients + at, relu_gradient(load_some(dy + at, count - at), value, affine));
        if (count < LANES)
            vector_store(values + at, value);
    }
    add_lanes(sums, gradients, count < LANES ? values : c);
}

void KERNEL(batch_norm_relu_backward_sums)(struct channel_sums *sums, const float *dy, const float *c,
                                           struct affine affine, const struct planes *dy_planes,
                                           const struct planes *c_planes)
{
    struct running_sums running = load_sums(sums);
    for (int row = 0; row < c_planes->height; row++, c += c_planes->stride, dy += dy_planes->stride) {
        int x = 0;
        for (; x + LANES <= c_planes->width; x += LANES)
            add_gradients(&running, dy + x, c + x, affine, LANES);
        if (x < c_planes->width)
            add_gradients(&running, dy + x, c + x, affine, c_planes->width - x);
    }
    store_sums(sums, &running);
}

/* dc of values whose gradients are g. */
static inline vector output_gradient(vector c, vector g, struct affine affine, struct affine line)
{
    return vector_fma(g, vector_broadcast(affine.scale), apply(line, c));
}

static inline void relu_backward_some(float *dc, const float *c, const float *dy, struct affine affine,
                                      struct affine line, int count)
{
    vector value = load_some(c, count);
    store_some(dc, output_gradient(value, relu_gradient(load_some(dy, count), value, affine), affine, line), count);
}

void KERNEL(batch_norm_relu_backward)(float *restrict dc, const float *restrict c, const float *restrict dy,
                                      struct affine affine, struct affine line, const struct planes *dy_planes,
                                      const struct planes *c_planes)
{
    for (int row = 0; row < c_planes->height; row++) {
        int x = 0;
        for (; x + VECTOR_FLOATS <= c_planes->width; x += VECTOR_FLOATS)
            relu_backward_some(dc + x, c + x, dy + x, affine, line, VECTOR_FLOATS);
        relu_backward_some(dc + x, c + x, dy + x, affine, line, c_planes->width - x);
        dc += c_planes->stride;
        c += c_planes->stride;
        dy += dy_planes->stride;
    }
}

/* --- Batch norm, ReLU and pooling --- */

/* The corners of as many squares as a vector has values. */
struct squares {
    vector top_left, top_right, bottom_left, bottom_right;
};

/* The first `count` of them; `below` is the row below `top`. */
static inline struct squares load_squares(const float *top, const float *below, int count)
{
    vector first = load_some(top, 2 * count), second = load_some(top + VECTOR_FLOATS, 2 * count - VECTOR_FLOATS);
    vector third = load_some(below, 2 * count), fourth = load_some(below + VECTOR_FLOATS, 2 * count - VECTOR_FLOATS);
    return (struct squares){vector_even(first, second), vector_odd(first, second), vector_even(third, fourth),
                            vector_odd(third, fourth)};
}

static inline struct squares apply_squares(struct affine affine, struct squares c)
{
    return (struct squares){apply(affine, c.top_left), apply(affine, c.top_right), apply(affine, c.bottom_left),
                            apply(affine, c.bottom_right)};
}

static inline void pool_some(float *y, const float *c, const float *below, struct affine affine, int count)
{
    struct squares squares = apply_squares(affine, load_squares(c, below, count));
    vector value = vector_choose(is_larger(squares.top_right, squares.top_left), squares.top_right, squares.top_left);
    value = vector_choose(is_larger(squares.bottom_left, value), squares.bottom_left, value);
    value = vector_choose(is_larger(squares.bottom_right, value), squares.bottom_right, value);
    store_some(y, relu(value), count);
}

void KERNEL(batch_norm_relu_max_pool)(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                                      const struct planes *c_planes)
{
    for (int row = 0; row < y_planes->height; row++, c += 2 * c_planes->stride, y += y_planes->stride) {
        const float *below = c + c_planes->stride;
        int x = 0;
        for (; x + VECTOR_FLOATS <= y_planes->width; x += VECTOR_FLOATS)
            pool_some(y + x, c + 2 * x, below + 2 * x, affine, VECTOR_FLOATS);
        pool_some(y + x, c + 2 * x, below + 2 * x, affine, y_planes->width - x);
    }
}

/* Which of the corners is the first largest, the top left one if none of these; and whether ReLU lets it through. */
struct first_largest {
    vector_mask top_right, bottom_left, bottom_right, positive;
};

static inline struct first_largest first_largest(struct squares y)
{
    struct first_largest first;
    first.top_right = is_larger(y.top_right, y.top_left);
    vector value = vector_choose(first.top_right, y.top_right, y.top_left);
    first.bottom_left = is_larger(y.bottom_left, value);
    value = vector_choose(first.bottom_left, y.bottom_left, value);
    first.bottom_right = is_larger(y.bottom_right, value);
    value = vector_choose(first.bottom_right, y.bottom_right, value);
    first.positive = vector_greater(value, vector_broadcast(0.0f));
    return first;
}

/* The first `count` of LANES terms: the gradients that ReLU and pooling let through, and the values of c that they belong
 * to. */
static inline void add_pool_gradients(struct running_sums *sums, const float *dy, const float *c, const float *below,
                                      struct affine affine, int count)
{
    float gradients[LANES], values[LANES];
    for (int at = 0; at < LANES; at += VECTOR_FLOATS) {
        struct squares squares = load_squares(c + 2 * at, below + 2 * at, count - at);
        struct first_largest first = first_largest(apply_squares(affine, squares));
        vector value = vector_choose(first.top_right, squares.top_right, squares.top_left);
        value = vector_choose(first.bottom_left, squares.bottom_left, value);
        value = vector_choose(first.bottom_right, squares.bottom_right, value);
        vector zero = vector_broadcast(0.0f);
        vector_store(gradients + at, vector_choose(first.positive, load_some(dy + at, count - at), zero));
        vector_store(values + at, vector_choose(first.positive, value, zero));
    }
    add_lanes(sums, gradients, values);
}

void KERNEL(batch_norm_relu_max_pool_backward_sums)(struct channel_sums *sums, const float *dy, const float *c,
                                                    struct affine affine, const struct planes *dy_planes,
                                                    const struct planes *c_planes)
{
    struct running_sums running = load_sums(sums);
    for (int row = 0; row < dy_planes->height; row++, c += 2 * c_planes->stride, dy += dy_planes->stride) {
        const float *below = c + c_planes->stride;
        int x = 0;
        for (; x + LANES <= dy_planes->width; x += LANES)
            add_pool_gradients(&running, dy + x, c + 2 * x, below + 2 * x, affine, LANES);
        if (x < dy_planes->width)
            add_pool_gradients(&running, dy + x, c + 2 * x, below + 2 * x, affine, dy_planes->width - x);
    }
    store_sums(sums, &running);
}

/* `count` values that no square holds. */
static void rest_backward(float *dc, const float *c, int count, struct affine affine, struct affine line)
{
    for (int x = 0; x < count; x += VECTOR_FLOATS)
        store_some(dc + x, output_gradient(load_some(c + x, count - x), vector_broadcast(0.0f), affine, line),
                   count - x);
}

/* Interleaves what belongs to left and right corners. */
static inline void store_corners(float *to, vector left, vector right, int count)
{
    store_some(to, vector_low_pairs(left, right), 2 * count);
    store_some(to + VECTOR_FLOATS, vector_high_pairs(left, right), 2 * count - VECTOR_FLOATS);
}

static inline void pool_backward_some(float *dc, float *dc_below, const float *c, const float *below, const float *dy,
                                      struct affine affine, struct affine line, int count)
{
    struct squares squares = load_squares(c, below, count);
    struct first_largest first = first_largest(apply_squares(affine, squares));
    vector zero = vector_broadcast(0.0f), g = vector_choose(first.positive, load_some(dy, count), zero);
    vector bottom_right = vector_choose(first.bottom_right, g, zero);
    g = vector_choose(first.bottom_right, zero, g);
    vector bottom_left = vector_choose(first.bottom_left, g, zero);
    g = vector_choose(first.bottom_left, zero, g);
    vector top_right = vector_choose(first.top_right, g, zero), top_left = vector_choose(first.top_right, zero, g);
    store_corners(dc, output_gradient(squares.top_left, top_left, affine, line),
                  output_gradient(squares.top_right, top_right, affine, line), count);
    store_corners(dc_below, output_gradient(squares.bottom_left, bottom_left, affine, line),
                  output_gradient(squares.bottom_right, bottom_right, affine, line), count);
}

void KERNEL(batch_norm_relu_max_pool_backward)(float *restrict dc, const float *restrict c, const float *restrict dy,
                                               struct affine affine, struct affine line,
                                               const struct planes *dy_planes, const struct planes *c_planes)
{
    int squares = dy_planes->width, rest = c_planes->width - 2 * squares, stride = c_planes->stride;
    for (int row = 0; row < dy_planes->height; row++, c += 2 * stride, dc += 2 * stride, dy += dy_planes->stride) {
        const float *below = c + stride;
        float *dc_below = dc + stride;
        for (int x = 0; x < squares; x += VECTOR_FLOATS)
            pool_backward_some(dc + 2 * x, dc_below + 2 * x, c + 2 * x, below + 2 * x, dy + x, affine, line,
                               smaller(squares - x, VECTOR_FLOATS));
        rest_backward(dc + 2 * squares, c + 2 * squares, rest, affine, line);
        rest_backward(dc_below + 2 * squares, below + 2 * squares, rest, affine, line);
    }
    for (int row = 2 * dy_planes->height; row < c_planes->height; row++, c += stride, dc += stride)
        rest_backward(dc, c, c_planes->width, affine, line);
}
