#include "number.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 63 };

int number_parse_integer(const char *text, int64_t minimum, int64_t maximum, int64_t *value, struct error *error)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return error_set(error, "'%s' is not a whole number from %" PRId64 " to %" PRId64, text, minimum, maximum);
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno != 0 || number < minimum || number > maximum)
        return error_set(error, "%s is out of range, expected %" PRId64 " to %" PRId64, text, minimum, maximum);
    *value = number;
    return 0;
}

int number_parse_real(const char *text, double minimum, double maximum, double *value, struct error *error)
{
    char *end = NULL;
    errno = 0;
    double number = strtod(text, &end);
    int starts_well = isdigit((unsigned char)text[0]) || text[0] == '-' || text[0] == '.';
    if (!starts_well || *end != '\0' || text[strcspn(text, "xXnN")] != '\0')
        return error_set(error, "'%s' is not a number from %g to %g", text, minimum, maximum);
    if (!isfinite(number) || number < minimum || number > maximum)
        return error_set(error, "%s is out of range, expected %g to %g", text, minimum, maximum);
    *value = number;
    return 0;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance: Damerau, CACM 7(3), 1964, restricted to edits that do not overlap. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t length_a = strlen(a), length_b = strlen(b);
    size_t rows[NAME_MAX_BYTES + 1][NAME_MAX_BYTES + 1];
    for (size_t i = 0; i <= length_a; i++) {
        for (size_t j = 0; j <= length_b; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            size_t replace = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            rows[i][j] = smaller(replace, smaller(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                rows[i][j] = smaller(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    }
    return rows[length_a][length_b];
}

const char *number_nearest_name(const char *word, const char *const *names, size_t count)
{
    size_t length = strlen(word);
    if (length > NAME_MAX_BYTES)
        return NULL;
    size_t limit = length / 3 > 2 ? length / 3 : 2;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > NAME_MAX_BYTES)
            continue;
        size_t distance = edit_distance(word, names[i]);
        if (distance <= limit && (nearest == NULL || distance < edit_distance(word, nearest)))
            nearest = names[i];
    }
    return nearest;
}
