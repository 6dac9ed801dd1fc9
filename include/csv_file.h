/* A CSV file (RFC 4180) with a header line, read whole by libcsv in strict mode.
 *
 * Quoted fields, CRLF line ends, a UTF-8 byte-order mark and a missing last line end are read as they are meant. Bad
 * quoting, an empty file, a column named twice, and a row with more or fewer fields than the header are failures that
 * name the line. Fields are kept as they are, spaces included; a zero byte is refused. */
#ifndef BITFAST_CSV_FILE_H
#define BITFAST_CSV_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "error.h"

/* Zero-initialised it is empty. */
struct csv_file {
    size_t columns;
    size_t rows;          /* without the header */
    size_t *lines;        /* of each row, the line it begins on; the header's first */
    size_t *fields;       /* (1 + rows) * columns: where each field begins in `text` */
    char *text;           /* the fields, each ended by a zero byte */
    size_t line_capacity, field_count, field_capacity, text_bytes, text_capacity;
};

/* `name` stands in messages. On failure *file is empty. */
int csv_file_read(struct csv_file *file, FILE *stream, const char *name, struct error *error);
void csv_file_release(struct csv_file *file);

/* The number of the column of that name, or -1. */
int csv_file_column(const struct csv_file *file, const char *name);

/* Valid until release. */
const char *csv_file_field(const struct csv_file *file, size_t row, int column);

/* The line of the file on which a row begins, counted from 1. */
size_t csv_file_line(const struct csv_file *file, size_t row);

#endif
