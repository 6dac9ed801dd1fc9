#define _DEFAULT_SOURCE /* madvise, MAP_ANONYMOUS */
#include "planes.h"

#include <stdint.h>
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

struct planes planes_strip(const struct planes *planes, int rows)
{
    return planes_make(planes->channels, rows, planes->width, planes->pad);
}

size_t planes_total(const struct planes *planes)
{
    return (size_t)planes->channels * planes->size;
}

size_t planes_positions(const struct planes *planes)
{
    return (size_t)planes->height * (size_t)planes->stride;
}

/* In whole pages; 0 if there are too many. */
static size_t bytes_of(const struct planes *planes, size_t clips)
{
    const size_t page = (size_t)64 << 10; /* the largest of any processor */
    size_t total = planes_total(planes);
    return clips > 0 && total <= SIZE_MAX / 4 / sizeof(float) / clips ? (total * clips * sizeof(float) + page - 1) / page * page : 0;
}

/* Mapped, so that the first thread that writes to a page clears it, not the one that plans. Large pieces are asked for
 * as huge pages: there are fewer faults when they are first written, and fewer misses of the translation cache when a
 * convolution goes through many planes at once. */
float *planes_allocate(const struct planes *planes, size_t clips)
{
    const size_t huge_page = (size_t)2 << 20;
    size_t bytes = bytes_of(planes, clips), spare = bytes >= huge_page ? huge_page : 0;
    if (bytes == 0)
        return NULL;
    char *mapped = mmap(NULL, bytes + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    if (spare == 0)
        return (float *)(void *)mapped;
    size_t before = (huge_page - (uintptr_t)mapped % huge_page) % huge_page, after = spare - before;
    if (before > 0)
        munmap(mapped, before);
    if (after > 0)
        munmap(mapped + before + bytes, after);
    madvise(mapped + before, bytes, MADV_HUGEPAGE); /* only advice: without it all is the same, but slower */
    return (float *)(void *)(mapped + before);
}

void planes_free(float *memory, const struct planes *planes, size_t clips)
{
    if (memory != NULL)
        munmap(memory, bytes_of(planes, clips));
}
