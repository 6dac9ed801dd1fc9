#define _DEFAULT_SOURCE /* madvise */
#include "planes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

struct planes planes_band(const struct planes *planes, int rows)
{
    struct planes band = *planes;
    band.height = rows;
    return band;
}

size_t planes_total(const struct planes *planes)
{
    return (size_t)planes->channels * planes->size;
}

size_t planes_positions(const struct planes *planes)
{
    return (size_t)planes->height * (size_t)planes->stride;
}

/* Large pieces are asked for as huge pages: there are fewer faults when they are first written, and fewer misses of the
 * translation cache when a convolution goes through many planes at once. */
float *planes_allocate(const struct planes *planes, size_t clips)
{
    const size_t huge_page = (size_t)2 << 20;
    size_t total = planes_total(planes);
    if (clips == 0 || total > SIZE_MAX / 2 / sizeof(float) / clips)
        return NULL;
    size_t bytes = total * clips * sizeof(float), alignment = PLANES_ALIGNMENT * sizeof(float);
    if (bytes >= huge_page) {
        alignment = huge_page;
        bytes = (bytes + huge_page - 1) / huge_page * huge_page;
    }
    float *memory = aligned_alloc(alignment, bytes);
    if (memory == NULL)
        return NULL;
    if (bytes >= huge_page)
        madvise(memory, bytes, MADV_HUGEPAGE); /* only advice: without it all is the same, but slower */
    return memset(memory, 0, bytes);
}
