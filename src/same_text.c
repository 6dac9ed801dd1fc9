#include "same_text.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    const struct same_text *a = left, *b = right;
    int order = strcmp(a->text, b->text);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

void same_text_sort(struct same_text *rows, size_t count)
{
    qsort(rows, count, sizeof rows[0], compare);
}
