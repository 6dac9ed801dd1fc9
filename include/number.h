/* Numbers and names in text: strict reading, and the nearest name to a misspelt one. */
#ifndef BITFAST_NUMBER_H
#define BITFAST_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Read the whole of `text` as a decimal number within [minimum, maximum]. Refused, with a message that names the text
 * and the range: empty text, white space, anything after the number, hexadecimal, and what is not finite. */
int number_parse_integer(const char *text, int64_t minimum, int64_t maximum, int64_t *value, struct error *error);
int number_parse_real(const char *text, double minimum, double maximum, double *value, struct error *error);

/* The name that takes the fewest edits (insert, delete, replace, swap of neighbours) to reach from `word`, or NULL when
 * none is within a third of its length (at least 2). Of equals the first. Names longer than 63 bytes never match. */
const char *number_nearest_name(const char *word, const char *const *names, size_t count);

#endif
