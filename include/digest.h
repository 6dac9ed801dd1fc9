/* SHA-256 (FIPS 180-4) by libcrypto. A text is 64 lower-case hexadecimal digits. */
#ifndef BITFAST_DIGEST_H
#define BITFAST_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

enum { DIGEST_TEXT_BYTES = 65 };

/* Reads the open file from its beginning to its end and leaves it at its beginning. */
int digest_file(int file, char text[DIGEST_TEXT_BYTES], struct error *error);

/* The same of the file of that name. The message is without the name. */
int digest_path(const char *path, char text[DIGEST_TEXT_BYTES], struct error *error);

int digest_bytes(const void *bytes, size_t size, char text[DIGEST_TEXT_BYTES], struct error *error);

/* Whether `text` begins with the digits of a digest; what follows them is not looked at. */
bool digest_is_text(const char *text);

#endif
