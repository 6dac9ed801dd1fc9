/* A vector of floats as wide as the instruction set allows, and one of half as many doubles, with what C cannot write:
 * the fused multiply-add, rounded once, and parts of vectors. Everything else is GCC's and Clang's vector extension - but
 * for floats made doubles, which GCC 12 takes apart and puts together again if a builtin asks for it. */
#ifndef BITFAST_KERNEL_VECTOR_H
#define BITFAST_KERNEL_VECTOR_H

#include <stdint.h>
#include <string.h>

#define KERNEL_JOIN(name, set) name##_##set
#define KERNEL_NAME(name, set) KERNEL_JOIN(name, set)
/* The name of a kernel in the set being compiled: KERNEL(convolution) is convolution_avx2. */
#define KERNEL(name) KERNEL_NAME(name, KERNEL_SET)

#if defined(__AVX512F__)
#include <immintrin.h>
enum { VECTOR_FLOATS = 16, TILE_OUTPUTS = 8, TILE_VECTORS = 3, WEIGHT_OUTPUTS = 4, WEIGHT_TAPS = 6 };
typedef __m512 vector;
static inline vector vector_fma(vector a, vector b, vector c) { return _mm512_fmadd_ps(a, b, c); }
static inline vector vector_load(const float *from) { return _mm512_loadu_ps(from); }
static inline void vector_store(float *to, vector value) { _mm512_storeu_ps(to, value); }
static inline vector vector_broadcast(float value) { return _mm512_set1_ps(value); }
static inline void vector_store_first(float *to, vector value, int count)
{
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), value);
}
static inline vector vector_load_first(const float *from, int count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
}
typedef __mmask16 vector_mask;
static inline vector_mask vector_greater(vector a, vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static inline vector_mask vector_at_most(vector a, vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline vector_mask vector_unordered(vector a, vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q); }
static inline vector vector_choose(vector_mask mask, vector a, vector b) { return _mm512_mask_blend_ps(mask, b, a); }
typedef __m512d double_vector;
static inline double_vector double_load(const float *from) { return _mm512_cvtps_pd(_mm256_loadu_ps(from)); }
static inline double_vector double_fma(double_vector a, double_vector b, double_vector c)
{
    return _mm512_fmadd_pd(a, b, c);
}
static inline float scalar_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#define VECTOR_KEEP(value) __asm__("" : "+v"(value))
#elif defined(__FMA__)
#include <immintrin.h>
enum { VECTOR_FLOATS = 8, TILE_OUTPUTS = 4, TILE_VECTORS = 3, WEIGHT_OUTPUTS = 4, WEIGHT_TAPS = 3 };
typedef __m256 vector;
static inline vector vector_fma(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }
static inline vector vector_load(const float *from) { return _mm256_loadu_ps(from); }
static inline void vector_store(float *to, vector value) { _mm256_storeu_ps(to, value); }
static inline vector vector_broadcast(float value) { return _mm256_set1_ps(value); }
static inline void vector_store_first(float *to, vector value, int count)
{
    __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_maskstore_ps(to, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), numbers), value);
}
static inline vector vector_load_first(const float *from, int count)
{
    __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_maskload_ps(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), numbers));
}
typedef int vector_mask __attribute__((vector_size(32)));
static inline vector vector_choose(vector_mask mask, vector a, vector b) { return _mm256_blendv_ps(b, a, (vector)mask); }
typedef __m256d double_vector;
static inline double_vector double_load(const float *from) { return _mm256_cvtps_pd(_mm_loadu_ps(from)); }
static inline double_vector double_fma(double_vector a, double_vector b, double_vector c)
{
    return _mm256_fmadd_pd(a, b, c);
}
static inline float scalar_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#define VECTOR_KEEP(value) __asm__("" : "+x"(value))
#elif defined(KERNEL_NEON) /* by the Makefile: the compiler's macros do not tell, as every aarch64 has NEON */
#include <arm_neon.h>
enum { VECTOR_FLOATS = 4, TILE_OUTPUTS = 8, TILE_VECTORS = 3, WEIGHT_OUTPUTS = 4, WEIGHT_TAPS = 6 };
typedef float32x4_t vector;
static inline vector vector_fma(vector a, vector b, vector c) { return vfmaq_f32(c, a, b); }
static inline vector vector_load(const float *from) { return vld1q_f32(from); }
static inline void vector_store(float *to, vector value) { vst1q_f32(to, value); }
static inline vector vector_broadcast(float value) { return vdupq_n_f32(value); }
static inline void vector_store_first(float *to, vector value, int count)
{
    memcpy(to, &value, (size_t)count * sizeof *to);
}
static inline float scalar_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline vector vector_load_first(const float *from, int count)
{
    vector value = vector_broadcast(0.0f);
    memcpy(&value, from, (size_t)count * sizeof *from);
    return value;
}
typedef int vector_mask __attribute__((vector_size(16)));
static inline vector vector_choose(vector_mask mask, vector a, vector b) { return vbslq_f32((uint32x4_t)mask, a, b); }
typedef float64x2_t double_vector;
static inline double_vector double_load(const float *from) { return vcvt_f64_f32(vld1_f32(from)); }
static inline double_vector double_fma(double_vector a, double_vector b, double_vector c) { return vfmaq_f64(c, a, b); }
/* volatile, or GCC loads the eight of a tile at once, and has no register left for sums. */
#define VECTOR_KEEP(value) __asm__ volatile("" : "+w"(value))
#else
enum { VECTOR_FLOATS = 4, TILE_OUTPUTS = 2, TILE_VECTORS = 2, WEIGHT_OUTPUTS = 2, WEIGHT_TAPS = 2 };
typedef float vector __attribute__((vector_size(16)));

#if defined(__FP_FAST_FMAF) || defined(__aarch64__) /* has the instruction; Clang 14 defines only the second */
static inline float scalar_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
/* fma(a, b, c) without the instruction. The product of two floats is exact in double; so is the error of adding c
 * (Knuth's TwoSum). The sum is rounded to odd - of the two doubles around it the one with an odd last bit - and a sum
 * rounded to odd with at least two spare bits rounds to the right float (Boldo and Melquiond, IEEE Trans. Comput. 57,
 * 2008). Where the sum is not finite there is nothing to correct. */
static inline float scalar_fma(float a, float b, float c)
{
    double product = (double)a * (double)b, addend = (double)c;
    double sum = product + addend;
    double part = sum - product;
    double rest = (product - (sum - part)) + (addend - part);
    int64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    int finite = (bits & INT64_C(0x7ff0000000000000)) != INT64_C(0x7ff0000000000000);
    int64_t step = (rest > 0) == (sum > 0) ? 1 : -1;
    bits += rest != 0 && finite && (bits & 1) == 0 ? step : 0;
    memcpy(&sum, &bits, sizeof sum);
    return (float)sum;
}
#endif

static inline vector vector_fma(vector a, vector b, vector c)
{
    vector result;
    for (int i = 0; i < VECTOR_FLOATS; i++)
        result[i] = scalar_fma(a[i], b[i], c[i]);
    return result;
}

typedef int vector_mask __attribute__((vector_size(16)));
static inline vector vector_choose(vector_mask mask, vector a, vector b)
{
    return (vector)((mask & (vector_mask)a) | (~mask & (vector_mask)b));
}
typedef double double_vector __attribute__((vector_size(16)));
static inline double_vector double_load(const float *from) { return (double_vector){(double)from[0], (double)from[1]}; }
/* Of values that were floats: their product is exact, so that it is rounded once here too. */
static inline double_vector double_fma(double_vector a, double_vector b, double_vector c) { return a * b + c; }
static inline vector vector_load(const float *from)
{
    vector value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void vector_store(float *to, vector value) { memcpy(to, &value, sizeof value); }
static inline vector vector_broadcast(float value) { return (vector){value, value, value, value}; }
static inline void vector_store_first(float *to, vector value, int count)
{
    memcpy(to, &value, (size_t)count * sizeof *to);
}
static inline vector vector_load_first(const float *from, int count)
{
    vector value = vector_broadcast(0.0f);
    memcpy(&value, from, (size_t)count * sizeof *from);
    return value;
}
#define VECTOR_KEEP(value) (void)(value)
#endif

/* Comparisons, false where a value is not a number but for vector_unordered; vector_choose(mask, a, b) takes a where the
 * mask is set, b elsewhere. */
#if !defined(__AVX512F__)
static inline vector_mask vector_greater(vector a, vector b) { return a > b; }
static inline vector_mask vector_at_most(vector a, vector b) { return a <= b; }
static inline vector_mask vector_unordered(vector a, vector b) { return (a != a) | (b != b); }
#endif

/* Of the values of a, then those of b: the first, third, ...; the second, fourth, ...; and back: a0 b0 a1 b1 ..., its
 * first and its second half. vector_store_first stores the first `count`; vector_load_first reads no more than those, and
 * gives zero for the others. */
#if defined(__AVX512F__)
#define VECTOR_EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define VECTOR_ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define VECTOR_LOW_PAIRS 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define VECTOR_HIGH_PAIRS 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif defined(__FMA__)
#define VECTOR_EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define VECTOR_ODD 1, 3, 5, 7, 9, 11, 13, 15
#define VECTOR_LOW_PAIRS 0, 8, 1, 9, 2, 10, 3, 11
#define VECTOR_HIGH_PAIRS 4, 12, 5, 13, 6, 14, 7, 15
#else
#define VECTOR_EVEN 0, 2, 4, 6
#define VECTOR_ODD 1, 3, 5, 7
#define VECTOR_LOW_PAIRS 0, 4, 1, 5
#define VECTOR_HIGH_PAIRS 2, 6, 3, 7
#endif
#define VECTOR_SHUFFLE(name, ...)                                                                                      \
    static inline vector name(vector a, vector b) { return __builtin_shufflevector(a, b, __VA_ARGS__); }
VECTOR_SHUFFLE(vector_even, VECTOR_EVEN)
VECTOR_SHUFFLE(vector_odd, VECTOR_ODD)
VECTOR_SHUFFLE(vector_low_pairs, VECTOR_LOW_PAIRS)
VECTOR_SHUFFLE(vector_high_pairs, VECTOR_HIGH_PAIRS)

/* VECTOR_KEEP(value): it stays in a register. Compilers would rather load it again for every product that it is in, and
 * then the loads take longer than the products. */

#endif
