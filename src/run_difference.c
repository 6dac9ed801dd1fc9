#include "run_difference.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

enum { NAME, FIRST, SECOND, DIFFERENCE, COLUMNS };

/* Second minus first, or NULL if one is not a number. */
static const char *subtract(const char *first, const char *second, char text[RUN_DIFFERENCE_BYTES])
{
    double a, b;
    struct error ignored;
    if (first == NULL || second == NULL || number_parse_real(first, -DBL_MAX, DBL_MAX, &a, &ignored) != 0 ||
        number_parse_real(second, -DBL_MAX, DBL_MAX, &b, &ignored) != 0)
        return NULL;
    snprintf(text, RUN_DIFFERENCE_BYTES, "%.9g", b - a);
    return text;
}

int run_difference_init(struct run_difference *difference, const struct run_table *runs, const size_t *columns,
                        size_t count, struct error *error)
{
    static const char *const names[COLUMNS] = {"name", "first", "second", "difference"};
    static const int decimals[COLUMNS] = {TEXT_TABLE_EXACT, TEXT_TABLE_EXACT, TEXT_TABLE_EXACT, TEXT_TABLE_EXACT};
    difference->cells = calloc((count + 1) * COLUMNS, sizeof *difference->cells);
    difference->texts = calloc(count + 1, sizeof *difference->texts);
    if (difference->cells == NULL || difference->texts == NULL) {
        run_difference_release(difference);
        return error_set(error, "no memory for %zu columns", count);
    }
    difference->table = (struct text_table){COLUMNS, 0, difference->cells, decimals};
    memcpy(difference->cells, names, sizeof names);
    for (size_t i = 0; i < count; i++) {
        if (!run_table_differs(runs, columns[i]))
            continue;
        const char **row = difference->cells + ++difference->table.rows * COLUMNS;
        row[NAME] = runs->columns[columns[i]];
        row[FIRST] = run_table_cell(runs, 0, columns[i]);
        row[SECOND] = run_table_cell(runs, 1, columns[i]);
        row[DIFFERENCE] = subtract(row[FIRST], row[SECOND], difference->texts[i]);
    }
    return 0;
}

void run_difference_release(struct run_difference *difference)
{
    free(difference->cells);
    free(difference->texts);
}
