/* SHA-256 (FIPS 180-4) of a file's bytes, by libcrypto. */
#ifndef BITFAST_DIGEST_H
#define BITFAST_DIGEST_H

#include "error.h"

enum { DIGEST_TEXT_BYTES = 65 };

/* Reads the open file from its beginning to its end and leaves it at its beginning. text: 64 lower-case hexadecimal
 * digits. */
int digest_file(int file, char text[DIGEST_TEXT_BYTES], struct error *error);

#endif
