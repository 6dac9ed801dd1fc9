/* Growing an array. */
#ifndef BITFAST_ARRAY_H
#define BITFAST_ARRAY_H

#include <stddef.h>

/* Returns `array`, moved if need be, with room for at least `count` elements of `size` bytes; *capacity is how many
 * fit, doubled when they do not. NULL if there is no memory: the array is then as it was. The caller frees it. */
void *array_reserve(void *array, size_t *capacity, size_t count, size_t size);

#endif
