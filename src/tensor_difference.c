#include "tensor_difference.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct pair {
    double found, reference; /* an integer of more than 53 bits is rounded; only the distance shows it */
    int same;
};

static struct pair get_pair(const struct tensor_difference *difference, const struct tensor_item *found,
                            const struct tensor_item *reference, size_t at)
{
    if (found->type == SAFETENSORS_I64) {
        int64_t a = ((const int64_t *)found->data)[at], b = ((const int64_t *)reference->data)[at];
        return (struct pair){(double)a, (double)b, a == b};
    }
    const float *a = (const float *)found->data + at, *b = (const float *)reference->data + at;
    struct pair pair = {(double)*a, (double)*b, memcmp(a, b, sizeof *a) == 0};
    if (difference->tolerance > 0 || difference->relative > 0)
        pair.same = pair.found == pair.reference ||
                    (isfinite(pair.found) && isfinite(pair.reference) &&
                     fabs(pair.found - pair.reference) <=
                         difference->tolerance + difference->relative * fabs(pair.reference));
    return pair;
}

static void describe(char text[DIFFERENCE_TEXT_BYTES], const struct tensor_item *found,
                     const struct tensor_item *reference, size_t at)
{
    size_t length = (size_t)snprintf(text, DIFFERENCE_TEXT_BYTES, "%.200s[", found->name), stride = found->values;
    for (int i = 0; i < found->rank; i++) {
        stride /= (size_t)found->sizes[i];
        length += (size_t)snprintf(text + length, DIFFERENCE_TEXT_BYTES - length, "%s%zu", i > 0 ? "," : "",
                                   at / stride % (size_t)found->sizes[i]);
    }
    if (found->type == SAFETENSORS_I64)
        snprintf(text + length, DIFFERENCE_TEXT_BYTES - length, "]: %" PRId64 " and %" PRId64,
                 ((const int64_t *)found->data)[at], ((const int64_t *)reference->data)[at]);
    else
        snprintf(text + length, DIFFERENCE_TEXT_BYTES - length, "]: %.9g and %.9g",
                 (double)((const float *)found->data)[at], (double)((const float *)reference->data)[at]);
}

void tensor_difference_add(struct tensor_difference *difference, const struct tensor_item *found,
                           const struct tensor_item *reference)
{
    difference->values += found->values;
    for (size_t at = 0; at < found->values; at++) {
        struct pair pair = get_pair(difference, found, reference, at);
        if (pair.same)
            continue;
        double distance = fabs(pair.found - pair.reference);
        if (isnan(distance))
            distance = (double)INFINITY;
        if (difference->differing++ == 0)
            describe(difference->first, found, reference, at);
        if (difference->differing == 1 || distance > difference->largest_distance) {
            difference->largest_distance = distance;
            describe(difference->largest, found, reference, at);
        }
    }
}
