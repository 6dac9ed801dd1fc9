#define _GNU_SOURCE /* fputs_unlocked, fwrite_unlocked */
#include "text_table.h"

#include <float.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "number.h"

enum { NUMBER_BYTES = 400 }; /* DBL_MAX has 309 digits before the point */

static bool is_number(const char *text, double *number)
{
    struct error ignored;
    return number_parse_real(text, -DBL_MAX, DBL_MAX, number, &ignored) == 0;
}

/* Most cells are parameters, and most of those whole numbers: that they are is seen without a value. */
static bool is_whole(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0' && strlen(text) < DBL_DIG;
}

static const char *cell(const struct text_table *table, size_t line, size_t column)
{
    const char *text = table->cells[line * table->columns + column];
    return text != NULL ? text : "-";
}

/* The characters of a UTF-8 text: all bytes but those that continue one. */
static size_t width(const char *text)
{
    size_t characters = 0;
    for (; *text != '\0'; text++)
        characters += ((unsigned char)*text & 0xc0) != 0x80;
    return characters;
}

/* The table as people see it: numbers with their column's decimals. */
struct shown {
    const char **texts;    /* as the table's cells */
    char *numbers;         /* the texts that are not the table's own */
    size_t used, capacity;
    size_t *widths;        /* a column: its widest text */
    bool *numeric;         /* a column: all that is there are numbers */
};

static void release_shown(struct shown *shown)
{
    free(shown->texts);
    free(shown->numbers);
    free(shown->widths);
    free(shown->numeric);
}

/* Writes a number with so many decimals; what is none makes the column one of other texts, and stays as it is. */
static int show_number(struct shown *shown, const char **cell, size_t column, int decimals, struct error *error)
{
    double number;
    char *grown = array_reserve(shown->numbers, &shown->capacity, shown->used + NUMBER_BYTES, 1);
    if (grown == NULL)
        return error_set(error, "no memory for the table's numbers");
    shown->numbers = grown;
    grown += shown->used;
    if (!number_fixed(*cell, decimals, grown)) {
        if (!is_number(*cell, &number)) {
            shown->numeric[column] = false;
            return 0;
        }
        snprintf(grown, NUMBER_BYTES, "%.*f", decimals, number);
    }
    shown->used += strlen(grown) + 1;
    *cell = NULL;
    return 0;
}

/* Numbers are written one after the other, and found again once their memory moves no more. */
static int show(struct shown *shown, const struct text_table *table, struct error *error)
{
    size_t cells = (1 + table->rows) * table->columns, at = 0;
    double number;
    *shown = (struct shown){.texts = calloc(cells + 1, sizeof *shown->texts),
                            .widths = calloc(table->columns + 1, sizeof *shown->widths),
                            .numeric = calloc(table->columns + 1, sizeof *shown->numeric)};
    int status = shown->texts != NULL && shown->widths != NULL && shown->numeric != NULL
                     ? 0 : error_set(error, "no memory for %zu columns", table->columns);
    for (size_t i = 0; status == 0 && i < cells; i++) {
        size_t column = i % table->columns;
        const char *text = table->cells[i];
        bool rounded = table->decimals[column] != TEXT_TABLE_EXACT;
        if (i < table->columns)
            shown->numeric[column] = true;
        shown->texts[i] = text != NULL ? text : "-";
        if (i < table->columns || text == NULL || (!rounded && (!shown->numeric[column] || is_whole(text))))
            continue;
        if (rounded)
            status = show_number(shown, &shown->texts[i], column, table->decimals[column], error);
        else if (!is_number(text, &number))
            shown->numeric[column] = false;
    }
    for (size_t i = 0; status == 0 && i < cells; i++) {
        size_t *widest = &shown->widths[i % table->columns];
        if (shown->texts[i] == NULL) {
            shown->texts[i] = shown->numbers + at;
            at += strlen(shown->texts[i]) + 1;
        }
        size_t needed = width(shown->texts[i]);
        *widest = needed > *widest ? needed : *widest;
    }
    return status;
}

static void write_spaces(size_t count, FILE *stream)
{
    static const char spaces[] = "                                ";
    for (size_t part; count > 0; count -= part) {
        part = count < sizeof spaces - 1 ? count : sizeof spaces - 1;
        fwrite_unlocked(spaces, 1, part, stream);
    }
}

static void write_text(const struct text_table *table, const struct shown *shown, FILE *stream)
{
    for (size_t line = 0; line <= table->rows; line++) {
        for (size_t column = 0; column < table->columns; column++) {
            const char *text = shown->texts[line * table->columns + column];
            size_t gap = shown->widths[column] - width(text);
            bool last = column + 1 == table->columns, right = shown->numeric[column];
            write_spaces(right ? gap : 0, stream);
            fputs_unlocked(text, stream);
            write_spaces(right || last ? 0 : gap, stream);
            fputs_unlocked(last ? "\n" : "  ", stream);
        }
    }
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

/* What Markdown would take for something else gets a backslash. */
static void write_markdown_cell(const char *text, FILE *stream)
{
    for (; *text != '\0'; text++) {
        if (strchr("\\|`*<[", *text) != NULL)
            fputc('\\', stream);
        fputc(*text, stream);
    }
}

static void write_markdown(const struct text_table *table, const struct shown *shown, FILE *stream)
{
    for (size_t line = 0; line <= table->rows; line++) {
        for (size_t column = 0; column < table->columns; column++) {
            fputs("| ", stream);
            write_markdown_cell(shown->texts[line * table->columns + column], stream);
            fputc(' ', stream);
        }
        fputs("|\n", stream);
        for (size_t column = 0; line == 0 && column < table->columns; column++)
            fputs(shown->numeric[column] ? "| ---: " : "| --- ", stream);
        if (line == 0)
            fputs("|\n", stream);
    }
}

enum text_table_format text_table_format_named(const char *name)
{
    static const char *const names[] = {[TEXT_TABLE_TEXT] = "text", [TEXT_TABLE_TSV] = "tsv", [TEXT_TABLE_CSV] = "csv",
                                        [TEXT_TABLE_JSON] = "json", [TEXT_TABLE_MARKDOWN] = "markdown"};
    int format = 0;
    while (strcmp(names[format], name) != 0)
        format++;
    return (enum text_table_format)format;
}

static int write_for_people(const struct text_table *table, FILE *stream, bool markdown, struct error *error)
{
    struct shown shown;
    int status = show(&shown, table, error);
    if (status == 0 && markdown)
        write_markdown(table, &shown, stream);
    else if (status == 0)
        write_text(table, &shown, stream);
    release_shown(&shown);
    return status;
}

int text_table_write(const struct text_table *table, FILE *stream, enum text_table_format format, struct error *error)
{
    if (format == TEXT_TABLE_TEXT || format == TEXT_TABLE_MARKDOWN)
        return write_for_people(table, stream, format == TEXT_TABLE_MARKDOWN, error);
    if (format == TEXT_TABLE_JSON)
        return write_json(table, stream, error);
    write_separated(table, stream, format == TEXT_TABLE_CSV ? ',' : '\t');
    return 0;
}
