/* Equal texts among many, found by sorting: n log n comparisons whatever the texts are. */
#ifndef BITFAST_SAME_TEXT_H
#define BITFAST_SAME_TEXT_H

#include <stddef.h>

struct same_text {
    const char *text;
    size_t row;
};

/* Sorts by text (byte order), then by row. */
void same_text_sort(struct same_text *rows, size_t count);

#endif
