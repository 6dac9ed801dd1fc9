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

static int64_t power_of_ten(int exponent)
{
    int64_t power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

bool number_fixed(const char *text, int decimals, char to[NUMBER_FIXED_BYTES])
{
    enum { DIGITS_MAX = 14 };
    const char *at = text[0] == '-' ? text + 1 : text;
    int digits = 0, after = 0;
    int64_t value = 0;
    bool point = false;
    for (; (isdigit((unsigned char)*at) || (*at == '.' && !point)) && digits <= DIGITS_MAX; at++) {
        point = point || *at == '.';
        if (*at == '.')
            continue;
        value = 10 * value + (*at - '0');
        digits++;
        after += point;
    }
    if (*at != '\0' || digits == 0 || digits - after + (after > decimals ? after : decimals) > DIGITS_MAX)
        return false;
    if (after > decimals) {
        int64_t unit = power_of_ten(after - decimals), rest = value % unit;
        if (2 * rest == unit)
            return false;
        value = value / unit + (2 * rest > unit);
    } else {
        value *= power_of_ten(decimals - after);
    }
    char reversed[NUMBER_FIXED_BYTES];
    int length = 0;
    for (int i = 0; i <= decimals || value > 0; i++, value /= 10) {
        if (i == decimals && decimals > 0)
            reversed[length++] = '.';
        reversed[length++] = (char)('0' + value % 10);
    }
    if (text[0] == '-')
        *to++ = '-';
    while (length > 0)
        *to++ = reversed[--length];
    *to = '\0';
    return true;
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
