/* Numbers and names in text: strict reading, and the nearest name to a misspelt one. */
#ifndef BITFAST_NUMBER_H
#define BITFAST_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Read the whole of `text` as a decimal number within [minimum, maximum]. Refused, with a message that names the text
 * and the range: empty text, white space, anything after the number, hexadecimal, and what is not finite. */
int number_parse_integer(const char *text, int64_t minimum, int64_t maximum, int64_t *value, struct error *error);
int number_parse_real(const char *text, double minimum, double maximum, double *value, struct error *error);

enum { NUMBER_FIXED_BYTES = 20 };

/* Writes a number with `decimals` (0 to 9) digits after the point, as printf writes the double nearest to it, but many
 * times faster. Only plain digits with or without a point, that come to at most 14 before it and after, given or wanted:
 * then the double is nearer to the number than any other with so many digits. Returns false, and *to is undefined, for
 * every other text, and where the digits left out are exactly a half, since the double decides then. */
bool number_fixed(const char *text, int decimals, char to[NUMBER_FIXED_BYTES]);

/* The name that takes the fewest edits (insert, delete, replace, swap of neighbours) to reach from `word`, or NULL when
 * none is within a third of its length (at least 2). Of equals the first. Names longer than 63 bytes never match. */
const char *number_nearest_name(const char *word, const char *const *names, size_t count);

#endif
