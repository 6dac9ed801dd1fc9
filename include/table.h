/* A table in a text file: one header line that names the columns, then one line a row, all with as many fields.
 *
 * Fields are separated by one byte (a tab in .tsv, a comma in .csv) and never quoted. Lines end in LF or CR LF; the
 * last end may be missing. Refused: an empty file, an empty line, a row with another number of fields than the header,
 * a control character, an empty or repeated column name. Messages count lines from 1, the header's. */
#ifndef BITFAST_TABLE_H
#define BITFAST_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

struct table {
    const char *name;     /* the file's, for messages; the caller's, kept until release */
    size_t columns, rows; /* the header is not a row */
    char *text;           /* what was read, each field ended by a zero byte */
    const char **fields;  /* (1 + rows) x columns, the header first; they point into text */
};

/* Reads to the end of the stream, in a time linear in what is read. On failure the table is empty. */
int table_read(struct table *table, FILE *stream, const char *name, char separator, struct error *error);

/* The same for `length` bytes in memory, followed by a zero byte. Takes over `text`, also on failure. */
int table_parse(struct table *table, char *text, size_t length, const char *name, char separator, struct error *error);

/* The same for a file of that name. */
int table_read_file(struct table *table, const char *path, char separator, struct error *error);

void table_release(struct table *table);

/* `row` from 0. Valid until release, as is a column's name. */
const char *table_field(const struct table *table, size_t row, size_t column);
const char *table_column_name(const struct table *table, size_t column);

/* Sets *column; refuses a name that is not there and names the nearest one that is. */
int table_find_column(const struct table *table, const char *name, size_t *column, struct error *error);

/* The field as a number within [minimum, maximum]. The message names file, line and column. */
int table_integer(const struct table *table, size_t row, size_t column, int64_t minimum, int64_t maximum,
                  int64_t *value, struct error *error);
int table_real(const struct table *table, size_t row, size_t column, double minimum, double maximum, double *value,
               struct error *error);

/* Puts "FILE: line N, column 'NAME': " in front of the message. Returns -1. */
int table_locate_error(const struct table *table, size_t row, size_t column, struct error *error);

/* Refuses a column in which a field is empty or occurs twice. */
int table_check_keys(const struct table *table, size_t column, struct error *error);

#endif
