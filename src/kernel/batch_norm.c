/* Batch normalisation, ReLU and pooling, each in one pass over memory. */
#include "kernel/kernel.h"

#include "fixed_sum.h"
#include "kernel/vector.h"

/* max(0, x); not a number stays what it is, so that a network that diverges shows it. */
static inline float relu(float x)
{
    return x <= 0.0f ? 0.0f : x;
}

/* Is b the larger one? A later one that is not a number is. */
static inline int is_larger(float b, float a)
{
    return (b > a) | (b != b);
}

static inline float larger(float a, float b)
{
    return is_larger(b, a) ? b : a;
}

/* Doubles as wide as the set's registers. Wider ones would be held in memory, or copied piece by piece. */
enum { DOUBLES = VECTOR_FLOATS / 2, VECTORS = LANES / DOUBLES };
typedef float float_vector __attribute__((vector_size(DOUBLES * sizeof(float))));
typedef double double_vector __attribute__((vector_size(DOUBLES * sizeof(double))));

/* Adds LANES terms a and products a * b, in double. */
static inline void add_lanes(double_vector sum[VECTORS], double_vector products[VECTORS], const float *a,
                             const float *b)
{
    for (int v = 0; v < VECTORS; v++) {
        float_vector a_values, b_values;
        memcpy(&a_values, a + v * DOUBLES, sizeof a_values);
        memcpy(&b_values, b + v * DOUBLES, sizeof b_values);
        double_vector value = __builtin_convertvector(a_values, double_vector);
        sum[v] = sum[v] + value;
        products[v] = products[v] + value * __builtin_convertvector(b_values, double_vector);
    }
}

/* `count` values and zeros; what comes after the values may be another thread's, and is not read. */
static inline void take_rest(float rest[LANES], const float *from, int count)
{
    for (int at = 0; at < LANES; at += VECTOR_FLOATS) {
        int left = count - at < 0 ? 0 : count - at;
        vector_store(rest + at, vector_load_first(from + at, left < VECTOR_FLOATS ? left : VECTOR_FLOATS));
    }
}

/* Adds `count` terms a and products a * b to the lanes; the first belongs to lane 0. What is missing to the last LANES is
 * zero: to add it changes no bit, as a sum that began at +0 is never -0. */
static inline void add_row(struct channel_sums *sums, const float *a, const float *b, int count)
{
    double_vector sum[VECTORS], products[VECTORS];
    for (int v = 0; v < VECTORS; v++) {
        memcpy(&sum[v], sums->sum + v * DOUBLES, sizeof sum[v]);
        memcpy(&products[v], sums->products + v * DOUBLES, sizeof products[v]);
    }
    int x = 0;
    for (; x + LANES <= count; x += LANES)
        add_lanes(sum, products, a + x, b + x);
    if (x < count) {
        float a_rest[LANES], b_rest[LANES];
        take_rest(a_rest, a + x, count - x);
        take_rest(b_rest, b + x, count - x);
        add_lanes(sum, products, a_rest, b_rest);
    }
    for (int v = 0; v < VECTORS; v++) {
        memcpy(sums->sum + v * DOUBLES, &sum[v], sizeof sum[v]);
        memcpy(sums->products + v * DOUBLES, &products[v], sizeof products[v]);
    }
}

void KERNEL(batch_norm_sums)(struct channel_sums *sums, const float *c, const struct planes *c_planes)
{
    for (int y = 0; y < c_planes->height; y++, c += c_planes->stride)
        add_row(sums, c, c, c_planes->width);
}

void KERNEL(batch_norm_relu)(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                             const struct planes *c_planes)
{
    for (int row = 0; row < c_planes->height; row++, c += c_planes->stride, y += y_planes->stride)
        for (int x = 0; x < c_planes->width; x++)
            y[x] = relu(scalar_fma(c[x], affine.scale, affine.shift));
}

void KERNEL(batch_norm_relu_max_pool)(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                                      const struct planes *c_planes)
{
    for (int row = 0; row < y_planes->height; row++, c += 2 * c_planes->stride, y += y_planes->stride) {
        const float *below = c + c_planes->stride;
        for (int x = 0; x < y_planes->width; x++) {
            float top_left = scalar_fma(c[2 * x], affine.scale, affine.shift);
            float top_right = scalar_fma(c[2 * x + 1], affine.scale, affine.shift);
            float bottom_left = scalar_fma(below[2 * x], affine.scale, affine.shift);
            float bottom_right = scalar_fma(below[2 * x + 1], affine.scale, affine.shift);
            y[x] = relu(larger(larger(larger(top_left, top_right), bottom_left), bottom_right));
        }
    }
}

enum { COLUMNS = 16 * LANES }; /* of a row at a time, whose gradients are written out before they are added */

static inline int smaller(int a, int b)
{
    return a < b ? a : b;
}

void KERNEL(batch_norm_relu_backward_sums)(struct channel_sums *sums, const float *dy, const float *c,
                                           struct affine affine, const struct planes *dy_planes,
                                           const struct planes *c_planes)
{
    float gradients[COLUMNS];
    for (int row = 0; row < c_planes->height; row++, c += c_planes->stride, dy += dy_planes->stride)
        for (int first = 0; first < c_planes->width; first += COLUMNS) {
            int count = smaller(c_planes->width - first, COLUMNS);
            for (int x = 0; x < count; x++)
                gradients[x] = scalar_fma(c[first + x], affine.scale, affine.shift) > 0.0f ? dy[first + x] : 0.0f;
            add_row(sums, gradients, c + first, count);
        }
}

/* Which of the four of a square is its first largest, normalised, as far as ReLU lets it through: 1 or 0 for each. */
struct first_largest {
    int top_right, bottom_left, bottom_right; /* the top left one if none of these */
    int positive;
};

/* Without a branch, so that a compiler makes vectors of squares. */
static inline struct first_largest first_largest(const float *top, const float *bottom, struct affine affine)
{
    float value = scalar_fma(top[0], affine.scale, affine.shift);
    float top_right = scalar_fma(top[1], affine.scale, affine.shift);
    float bottom_left = scalar_fma(bottom[0], affine.scale, affine.shift);
    float bottom_right = scalar_fma(bottom[1], affine.scale, affine.shift);
    struct first_largest first;
    first.top_right = is_larger(top_right, value);
    value = larger(value, top_right);
    first.bottom_left = is_larger(bottom_left, value);
    value = larger(value, bottom_left);
    first.bottom_right = is_larger(bottom_right, value);
    value = larger(value, bottom_right);
    first.positive = value > 0.0f;
    return first;
}

void KERNEL(batch_norm_relu_max_pool_backward_sums)(struct channel_sums *sums, const float *dy, const float *c,
                                                    struct affine affine, const struct planes *dy_planes,
                                                    const struct planes *c_planes)
{
    float gradients[COLUMNS], values[COLUMNS];
    for (int row = 0; row < dy_planes->height; row++, c += 2 * c_planes->stride, dy += dy_planes->stride)
        for (int first = 0; first < dy_planes->width; first += COLUMNS) {
            int count = smaller(dy_planes->width - first, COLUMNS);
            for (int x = 0; x < count; x++) {
                const float *top = c + 2 * (first + x), *bottom = top + c_planes->stride;
                struct first_largest largest = first_largest(top, bottom, affine);
                float value = largest.top_right ? top[1] : top[0];
                value = largest.bottom_left ? bottom[0] : value;
                value = largest.bottom_right ? bottom[1] : value;
                gradients[x] = largest.positive ? dy[first + x] : 0.0f;
                values[x] = largest.positive ? value : 0.0f;
            }
            add_row(sums, gradients, values, count);
        }
}

/* dc of one value. */
static inline float gradient(float c, float g, struct affine affine, struct affine line)
{
    return scalar_fma(g, affine.scale, scalar_fma(c, line.scale, line.shift));
}

void KERNEL(batch_norm_relu_backward)(float *restrict dc, const float *restrict c, const float *restrict dy,
                                      struct affine affine, struct affine line, const struct planes *dy_planes,
                                      const struct planes *c_planes)
{
    for (int row = 0; row < c_planes->height; row++) {
        for (int x = 0; x < c_planes->width; x++) {
            float y = scalar_fma(c[x], affine.scale, affine.shift);
            float g = y > 0.0f ? dy[x] : 0.0f;
            dc[x] = gradient(c[x], g, affine, line);
        }
        dc += c_planes->stride;
        c += c_planes->stride;
        dy += dy_planes->stride;
    }
}

/* `count` values that no square holds. */
static void rest_backward(float *dc, const float *c, int count, struct affine affine, struct affine line)
{
    for (int x = 0; x < count; x++)
        dc[x] = gradient(c[x], 0.0f, affine, line);
}

void KERNEL(batch_norm_relu_max_pool_backward)(float *restrict dc, const float *restrict c, const float *restrict dy,
                                               struct affine affine, struct affine line,
                                               const struct planes *dy_planes, const struct planes *c_planes)
{
    int squares = dy_planes->width, rest = c_planes->width - 2 * squares, stride = c_planes->stride;
    for (int row = 0; row < dy_planes->height; row++, c += 2 * stride, dc += 2 * stride, dy += dy_planes->stride) {
        const float *below = c + stride;
        float *dc_below = dc + stride;
        for (int x = 0; x < squares; x++) {
            const float *top = c + 2 * x, *bottom = below + 2 * x;
            struct first_largest first = first_largest(top, bottom, affine);
            float g = first.positive ? dy[x] : 0.0f;
            float bottom_right = first.bottom_right ? g : 0.0f;
            g = first.bottom_right ? 0.0f : g;
            float bottom_left = first.bottom_left ? g : 0.0f;
            g = first.bottom_left ? 0.0f : g;
            float top_right = first.top_right ? g : 0.0f;
            float top_left = first.top_right ? 0.0f : g;
            dc[2 * x] = gradient(top[0], top_left, affine, line);
            dc[2 * x + 1] = gradient(top[1], top_right, affine, line);
            dc_below[2 * x] = gradient(bottom[0], bottom_left, affine, line);
            dc_below[2 * x + 1] = gradient(bottom[1], bottom_right, affine, line);
        }
        rest_backward(dc + 2 * squares, c + 2 * squares, rest, affine, line);
        rest_backward(dc_below + 2 * squares, below + 2 * squares, rest, affine, line);
    }
    for (int row = 2 * dy_planes->height; row < c_planes->height; row++, c += stride, dc += stride)
        rest_backward(dc, c, c_planes->width, affine, line);
}
