/* Writes a table of texts: aligned for people, or as TSV, CSV (RFC 4180) or JSON for programs, or
 * as Markdown for reports. */
#ifndef BITFAST_TEXT_TABLE_H
#define BITFAST_TEXT_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "error.h"

enum text_table_format {
    TEXT_TABLE_TEXT, /* columns of numbers to the right, two spaces between columns */
    TEXT_TABLE_TSV,
    TEXT_TABLE_CSV,  /* quoted where it must be; lines end in LF */
    TEXT_TABLE_JSON, /* a list of objects, one a line; a number keeps its text, what is missing is null */
    TEXT_TABLE_MARKDOWN /* as GitHub reads it: columns of numbers to the right, as many decimals as in the text */
};

/* The formats' names, for a tool's option. */
#define TEXT_TABLE_FORMATS "text|tsv|csv|json|markdown"
enum text_table_format text_table_format_named(const char *name);

enum { TEXT_TABLE_EXACT = -1 };

/* The caller's arrays. No text holds a control character. */
struct text_table {
    size_t columns, rows;
    const char **cells;  /* (1 + rows) x columns, the names of the columns first; NULL is missing, written as '-' */
    const int *decimals; /* a column: how many decimals a number has for people, or TEXT_TABLE_EXACT for its own text */
};

/* Fails only with JSON, on a text that is not UTF-8. The caller checks and closes the stream. */
int text_table_write(const struct text_table *table, FILE *stream, enum text_table_format format, struct error *error);

#endif
