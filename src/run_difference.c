#include "run_difference.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "number.h"

enum { WHAT, NAME, FIRST, SECOND, DIFFERENCE, NUMBER_BYTES = 32 };

/* Second minus first, or NULL if one is not a number. */
static const char *subtract(const char *first, const char *second, char text[NUMBER_BYTES])
{
    double a, b;
    struct error ignored;
    if (first == NULL || second == NULL || number_parse_real(first, -DBL_MAX, DBL_MAX, &a, &ignored) != 0 ||
        number_parse_real(second, -DBL_MAX, DBL_MAX, &b, &ignored) != 0)
        return NULL;
    snprintf(text, NUMBER_BYTES, "%.9g", b - a);
    return text;
}

int run_difference_add(struct run_difference *difference, const char *what, const char *name, const char *first,
                       const char *second, struct error *error)
{
    char number[NUMBER_BYTES];
    if (first == second || (first != NULL && second != NULL && strcmp(first, second) == 0))
        return 0;
    char *(*grown)[RUN_DIFFERENCE_FIELDS] =
        array_reserve(difference->rows, &difference->capacity, difference->count + 1, sizeof *grown);
    if (grown == NULL)
        return error_set(error, "no memory for %zu differences", difference->count + 1);
    difference->rows = grown;
    char **row = grown[difference->count++];
    const char *fields[RUN_DIFFERENCE_FIELDS] = {what, name, first, second, subtract(first, second, number)};
    int status = 0;
    for (size_t i = 0; i < RUN_DIFFERENCE_FIELDS; i++) {
        row[i] = fields[i] != NULL ? strdup(fields[i]) : NULL;
        if (fields[i] != NULL && row[i] == NULL)
            status = error_set(error, "no memory for %zu differences", difference->count);
    }
    return status;
}

int run_difference_add_runs(struct run_difference *difference, const struct run_table *runs, const size_t *columns,
                            size_t count, struct error *error)
{
    int status = 0;
    for (size_t i = 0; status == 0 && i < count; i++)
        status = run_difference_add(difference, "run", runs->columns[columns[i]], run_table_cell(runs, 0, columns[i]),
                                    run_table_cell(runs, 1, columns[i]), error);
    return status;
}

int run_difference_write(const struct run_difference *difference, bool with_what, FILE *stream,
                         enum text_table_format format, struct error *error)
{
    static const char *const names[RUN_DIFFERENCE_FIELDS] = {"what", "name", "first", "second", "difference"};
    static const int decimals[RUN_DIFFERENCE_FIELDS] = {TEXT_TABLE_EXACT, TEXT_TABLE_EXACT, TEXT_TABLE_EXACT,
                                                        TEXT_TABLE_EXACT, TEXT_TABLE_EXACT};
    size_t first = with_what ? WHAT : NAME, columns = RUN_DIFFERENCE_FIELDS - first;
    const char **cells = calloc((difference->count + 1) * columns, sizeof *cells);
    if (cells == NULL)
        return error_set(error, "no memory for %zu differences", difference->count);
    memcpy(cells, names + first, columns * sizeof *cells);
    for (size_t row = 0; row < difference->count; row++)
        for (size_t i = 0; i < columns; i++)
            cells[(row + 1) * columns + i] = difference->rows[row][first + i];
    struct text_table table = {columns, difference->count, cells, decimals};
    int status = text_table_write(&table, stream, format, error);
    free(cells);
    return status;
}

void run_difference_release(struct run_difference *difference)
{
    for (size_t row = 0; row < difference->count; row++)
        for (size_t i = 0; i < RUN_DIFFERENCE_FIELDS; i++)
            free(difference->rows[row][i]);
    free(difference->rows);
    *difference = (struct run_difference){0};
}
