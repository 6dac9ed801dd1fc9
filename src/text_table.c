#include "text_table.h"

#include <float.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

enum { NUMBER_BYTES = 400 }; /* DBL_MAX has 309 digits before the point */

static bool is_number(const char *text, double *number)
{
    struct error ignored;
    return number_parse_real(text, -DBL_MAX, DBL_MAX, number, &ignored) == 0;
}

static const char *cell(const struct text_table *table, size_t line, size_t column)
{
    const char *text = table->cells[line * table->columns + column];
    return text != NULL ? text : "-";
}

/* The cell as TEXT_TABLE_TEXT shows it; in `buffer`, or where it is. */
static const char *shown(const struct text_table *table, size_t line, size_t column, char buffer[NUMBER_BYTES])
{
    double number;
    const char *text = cell(table, line, column);
    if (line == 0 || table->decimals[column] == TEXT_TABLE_EXACT || !is_number(text, &number))
        return text;
    snprintf(buffer, NUMBER_BYTES, "%.*f", table->decimals[column], number);
    return buffer;
}

/* The characters of a UTF-8 text: all bytes but those that continue one. */
static size_t width(const char *text)
{
    size_t characters = 0;
    for (; *text != '\0'; text++)
        characters += ((unsigned char)*text & 0xc0) != 0x80;
    return characters;
}

static bool column_is_numeric(const struct text_table *table, size_t column)
{
    double ignored;
    for (size_t line = 1; line <= table->rows; line++) {
        const char *text = table->cells[line * table->columns + column];
        if (text != NULL && !is_number(text, &ignored))
            return false;
    }
    return true;
}

static int write_text(const struct text_table *table, FILE *stream, struct error *error)
{
    char buffer[NUMBER_BYTES];
    size_t *widths = calloc(table->columns + 1, sizeof *widths);
    bool *right = calloc(table->columns + 1, sizeof *right);
    if (widths == NULL || right == NULL) {
        free(widths);
        free(right);
        return error_set(error, "no memory for %zu columns", table->columns);
    }
    for (size_t column = 0; column < table->columns; column++) {
        right[column] = column_is_numeric(table, column);
        for (size_t line = 0; line <= table->rows; line++) {
            size_t needed = width(shown(table, line, column, buffer));
            widths[column] = needed > widths[column] ? needed : widths[column];
        }
    }
    for (size_t line = 0; line <= table->rows; line++) {
        for (size_t column = 0; column < table->columns; column++) {
            const char *text = shown(table, line, column, buffer);
            int gap = (int)(widths[column] - width(text));
            int last = column + 1 == table->columns;
            fprintf(stream, "%*s%s%*s", right[column] ? gap : 0, "", text, right[column] || last ? 0 : gap, "");
            fputs(last ? "\n" : "  ", stream);
        }
    }
    free(widths);
    free(right);
    return 0;
}

static void write_separated(const struct text_table *table, FILE *stream, char separator)
{
    for (size_t line = 0; line <= table->rows; line++) {
        for (size_t column = 0; column < table->columns; column++) {
            const char *text = cell(table, line, column);
            bool quoted = separator == ',' && strpbrk(text, ",\"") != NULL;
            if (quoted)
                fputc('"', stream);
            for (; *text != '\0'; text++) {
                if (quoted && *text == '"')
                    fputc('"', stream);
                fputc(*text, stream);
            }
            if (quoted)
                fputc('"', stream);
            fputc(column + 1 == table->columns ? '\n' : separator, stream);
        }
    }
}

static int write_json_text(const char *text, FILE *stream, struct error *error)
{
    json_t *string = json_string(text);
    int status = string != NULL ? json_dumpf(string, stream, JSON_ENCODE_ANY) : -1;
    json_decref(string);
    return status == 0 ? 0 : error_set(error, "'%s' cannot be written as JSON: it is not UTF-8", text);
}

static int write_json_value(const char *text, FILE *stream, struct error *error)
{
    json_error_t ignored;
    json_t *value = text != NULL ? json_loads(text, JSON_DECODE_ANY, &ignored) : json_null();
    bool as_it_is = text == NULL || json_is_number(value);
    json_decref(value);
    if (!as_it_is)
        return write_json_text(text, stream, error);
    fputs(text != NULL ? text : "null", stream);
    return 0;
}

static int write_json(const struct text_table *table, FILE *stream, struct error *error)
{
    fputc('[', stream);
    for (size_t line = 1; line <= table->rows; line++) {
        fputs(line > 1 ? ",\n {" : "\n {", stream);
        for (size_t column = 0; column < table->columns; column++) {
            if (column > 0)
                fputs(", ", stream);
            if (write_json_text(cell(table, 0, column), stream, error) != 0)
                return -1;
            fputs(": ", stream);
            if (write_json_value(table->cells[line * table->columns + column], stream, error) != 0)
                return -1;
        }
        fputc('}', stream);
    }
    fputs("\n]\n", stream);
    return 0;
}

int text_table_write(const struct text_table *table, FILE *stream, enum text_table_format format, struct error *error)
{
    if (format == TEXT_TABLE_TEXT)
        return write_text(table, stream, error);
    if (format == TEXT_TABLE_JSON)
        return write_json(table, stream, error);
    write_separated(table, stream, format == TEXT_TABLE_CSV ? ',' : '\t');
    return 0;
}
