/* A small text file as a whole. */
#ifndef BITFAST_TEXT_FILE_H
#define BITFAST_TEXT_FILE_H

#include <stddef.h>

#include "error.h"

enum { TEXT_FILE_MISSING = 1 };

/* *text: the bytes and a zero byte, which the caller frees; *size without it. Returns TEXT_FILE_MISSING, with the error
 * set, if there is no such file. Refuses one of more than 16 MB and one that holds a zero byte. */
int text_file_read(const char *path, char **text, size_t *size, struct error *error);

#endif
