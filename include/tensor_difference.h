/* How the values of two tensors of the same type and shape differ, summed up over any number of tensors.
 *
 * Two floats a (found) and b (reference) are the same if their bits are (tolerance and relative both 0), otherwise if
 * they are equal or |a - b| <= tolerance + relative |b|, as in numpy.allclose; then a NaN is never the same as
 * anything, an infinity only as itself. Integers are the same only if they are equal. */
#ifndef BITFAST_TENSOR_DIFFERENCE_H
#define BITFAST_TENSOR_DIFFERENCE_H

#include <stddef.h>

#include "tensor_reader.h"

enum { DIFFERENCE_TEXT_BYTES = 512 };

struct tensor_difference {
    double tolerance, relative;
    size_t values, differing;          /* compared so far; of them not the same */
    double largest_distance;           /* |a - b| of the largest, infinite where one is NaN */
    char first[DIFFERENCE_TEXT_BYTES]; /* "NAME[0,3]: A and B" of the first and of the largest difference */
    char largest[DIFFERENCE_TEXT_BYTES];
};

/* Adds the values of two tensors whose types and shapes are equal. */
void tensor_difference_add(struct tensor_difference *difference, const struct tensor_item *found,
                           const struct tensor_item *reference);

#endif
