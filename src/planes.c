#include "planes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t round_up(size_t count)
{
    return (count + PLANES_ALIGNMENT - 1) / PLANES_ALIGNMENT * PLANES_ALIGNMENT;
}

struct planes planes_make(int channels, int height, int width, int pad)
{
    struct planes planes = {.channels = channels, .height = height, .width = width, .pad = pad, .stride = width + pad};
    planes.margin = round_up((size_t)(pad * planes.stride + pad)) + PLANES_OVERRUN;
    planes.size = 2 * planes.margin + round_up(planes_positions(&planes));
    return planes;
}

struct planes planes_like(const struct planes *planes, int channels)
{
    struct planes like = *planes;
    like.channels = channels;
    return like;
}

size_t planes_total(const struct planes *planes)
{
    return (size_t)planes->channels * planes->size;
}

size_t planes_positions(const struct planes *planes)
{
    return (size_t)planes->height * (size_t)planes->stride;
}

float *planes_allocate(const struct planes *planes, size_t clips)
{
    size_t total = planes_total(planes);
    if (clips == 0 || total > SIZE_MAX / sizeof(float) / clips)
        return NULL;
    float *memory = aligned_alloc(PLANES_ALIGNMENT * sizeof(float), total * clips * sizeof(float));
    if (memory != NULL)
        memset(memory, 0, total * clips * sizeof(float));
    return memory;
}
