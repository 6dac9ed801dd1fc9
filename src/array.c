#include "array.h"

#include <stdint.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

void *array_reserve(void *array, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity)
        return array;
    size_t larger = *capacity > 0 ? *capacity : FIRST_CAPACITY;
    while (larger < count)
        larger *= 2;
    if (larger > SIZE_MAX / 4 / size)
        return NULL;
    void *moved = realloc(array, larger * size);
    if (moved != NULL)
        *capacity = larger;
    return moved;
}
