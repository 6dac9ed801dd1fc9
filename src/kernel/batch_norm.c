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

/* The lanes of two sums, held in registers; eight doubles are as many registers as the set needs. */
enum { LANES_A_PART = 8, PARTS = LANES / LANES_A_PART };
typedef float float_part __attribute__((vector_size(LANES_A_PART * sizeof(float))));
typedef double double_part __attribute__((vector_size(LANES_A_PART * sizeof(double))));

struct lanes {
    double_part sum[PARTS], products[PARTS];
};

/* Adds `count` terms a and products a * b, in double; the first belongs to lane 0. */
static inline void add_row(struct lanes *lanes, const float *a, const float *b, int count)
{
    int whole = count / LANES * LANES;
    struct lanes at_work = *lanes;
    for (int x = 0; x < whole; x += LANES)
        for (int part = 0; part < PARTS; part++) {
            float_part a_part, b_part;
            memcpy(&a_part, a + x + part * LANES_A_PART, sizeof a_part);
            memcpy(&b_part, b + x + part * LANES_A_PART, sizeof b_part);
            double_part value = __builtin_convertvector(a_part, double_part);
            at_work.sum[part] = at_work.sum[part] + value;
            at_work.products[part] = at_work.products[part] + value * __builtin_convertvector(b_part, double_part);
        }
    *lanes = at_work;
    for (int x = whole; x < count; x++) {
        int lane = x - whole;
        lanes->sum[lane / LANES_A_PART][lane % LANES_A_PART] += (double)a[x];
        lanes->products[lane / LANES_A_PART][lane % LANES_A_PART] += (double)a[x] * (double)b[x];
    }
}

static inline struct lanes take_lanes(const struct channel_sums *sums)
{
    struct lanes lanes;
    memcpy(lanes.sum, sums->sum, sizeof lanes.sum);
    memcpy(lanes.products, sums->products, sizeof lanes.products);
    return lanes;
}

static inline void put_lanes(struct channel_sums *sums, const struct lanes *lanes)
{
    memcpy(sums->sum, lanes->sum, sizeof lanes->sum);
    memcpy(sums->products, lanes->products, sizeof lanes->products);
}

void KERNEL(batch_norm_sums)(struct channel_sums *sums, const float *c, const struct planes *c_planes)
{
    struct lanes lanes = take_lanes(sums);
    for (int y = 0; y < c_planes->height; y++, c += c_planes->stride)
        add_row(&lanes, c, c, c_planes->width);
    put_lanes(sums, &lanes);
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
    struct lanes lanes = take_lanes(sums);
    float gradients[COLUMNS];
    for (int row = 0; row < c_planes->height; row++, c += c_planes->stride, dy += dy_planes->stride)
        for (int first = 0; first < c_planes->width; first += COLUMNS) {
            int count = smaller(c_planes->width - first, COLUMNS);
            for (int x = 0; x < count; x++)
                gradients[x] = scalar_fma(c[first + x], affine.scale, affine.shift) > 0.0f ? dy[first + x] : 0.0f;
            add_row(&lanes, gradients, c + first, count);
        }
    put_lanes(sums, &lanes);
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
    struct lanes lanes = take_lanes(sums);
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
            add_row(&lanes, gradients, values, count);
        }
    put_lanes(sums, &lanes);
}

/* dc of one value. */
static inline float gradient(float c, float g, struct affine affine, struct affine line)
{
    return scalar_fma(g, affine.scale, scalar_fma(c, line.scale, line.shift));
}

void KERNEL(batch_norm_relu_backward)(float *c, const float *dy, struct affine affine, struct affine line,
                                      const struct planes *dy_planes, const struct planes *c_planes)
{
    for (int row = 0; row < c_planes->height; row++, c += c_planes->stride, dy += dy_planes->stride) {
        for (int x = 0; x < c_planes->width; x++) {
            float y = scalar_fma(c[x], affine.scale, affine.shift);
            float g = y > 0.0f ? dy[x] : 0.0f;
            c[x] = gradient(c[x], g, affine, line);
        }
    }
}

/* `count` values that no square holds. */
static void rest_backward(float *c, int count, struct affine affine, struct affine line)
{
    for (int x = 0; x < count; x++)
        c[x] = gradient(c[x], 0.0f, affine, line);
}

void KERNEL(batch_norm_relu_max_pool_backward)(float *restrict c, const float *restrict dy, struct affine affine,
                                               struct affine line, const struct planes *dy_planes,
                                               const struct planes *c_planes)
{
    int squares = dy_planes->width, rest = c_planes->width - 2 * squares;
    for (int row = 0; row < dy_planes->height; row++, c += 2 * c_planes->stride, dy += dy_planes->stride) {
        float *below = c + c_planes->stride;
        for (int x = 0; x < squares; x++) {
            float *top = c + 2 * x, *bottom = below + 2 * x;
            struct first_largest first = first_largest(top, bottom, affine);
            float g = first.positive ? dy[x] : 0.0f;
            float bottom_right = first.bottom_right ? g : 0.0f;
            g = first.bottom_right ? 0.0f : g;
            float bottom_left = first.bottom_left ? g : 0.0f;
            g = first.bottom_left ? 0.0f : g;
            float top_right = first.top_right ? g : 0.0f;
            float top_left = first.top_right ? 0.0f : g;
            top[0] = gradient(top[0], top_left, affine, line);
            top[1] = gradient(top[1], top_right, affine, line);
            bottom[0] = gradient(bottom[0], bottom_left, affine, line);
            bottom[1] = gradient(bottom[1], bottom_right, affine, line);
        }
        rest_backward(c + 2 * squares, rest, affine, line);
        rest_backward(below + 2 * squares, rest, affine, line);
    }
    for (int row = 2 * dy_planes->height; row < c_planes->height; row++, c += c_planes->stride)
        rest_backward(c, c_planes->width, affine, line);
}
