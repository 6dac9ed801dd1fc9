#include "csv_file.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"

/* What libcsv's callbacks share. libcsv goes on after a failed callback, so the first failure is kept. */
struct reading {
    struct csv_file *file;
    const char *name;
    size_t line;       /* of the text that libcsv has now */
    size_t row_line;   /* where the row began; 0 between rows */
    size_t row_fields;
    size_t records;    /* the header's included */
    int failed;
    struct error *error;
};

static int not_a_space(unsigned char byte)
{
    (void)byte;
    return 0;
}

static void fail(struct reading *reading, const char *what)
{
    if (!reading->failed)
        error_set(reading->error, "%s: line %zu: %s", reading->name, reading->line, what);
    reading->failed = 1;
}

static void take_field(void *field, size_t length, void *context)
{
    struct reading *reading = context;
    struct csv_file *file = reading->file;
    if (reading->failed)
        return;
    reading->row_fields++;
    if (length > 0 && memchr(field, '\0', length) != NULL) {
        fail(reading, "holds a zero byte");
        return;
    }
    size_t *fields = array_reserve(file->fields, &file->field_capacity, file->field_count + 1, sizeof *fields);
    file->fields = fields != NULL ? fields : file->fields;
    char *text = array_reserve(file->text, &file->text_capacity, file->text_bytes + length + 1, 1);
    file->text = text != NULL ? text : file->text;
    if (fields == NULL || text == NULL) {
        fail(reading, "no memory for this many rows");
        return;
    }
    file->fields[file->field_count++] = file->text_bytes;
    if (length > 0)
        memcpy(file->text + file->text_bytes, field, length);
    file->text[file->text_bytes + length] = '\0';
    file->text_bytes += length + 1;
}

static void take_row(int terminator, void *context)
{
    struct reading *reading = context;
    struct csv_file *file = reading->file;
    (void)terminator;
    if (reading->failed)
        return;
    if (reading->records == 0)
        file->columns = reading->row_fields;
    if (reading->row_fields != file->columns) {
        error_set(reading->error, "%s: line %zu: has %zu fields, expected %zu as in the header", reading->name,
                  reading->row_line, reading->row_fields, file->columns);
        reading->failed = 1;
        return;
    }
    size_t *lines = array_reserve(file->lines, &file->line_capacity, reading->records + 1, sizeof *lines);
    if (lines == NULL) {
        fail(reading, "no memory for this many rows");
        return;
    }
    file->lines = lines;
    file->lines[reading->records++] = reading->row_line;
    reading->row_line = 0;
    reading->row_fields = 0;
}

/* Line by line, so that a failure can name its line. */
static int parse(struct csv_parser *parser, struct reading *reading, FILE *stream)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while (!reading->failed && (length = getline(&line, &capacity, stream)) >= 0) {
        size_t mark = reading->line == 0 && length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        size_t bytes = (size_t)length - mark;
        reading->line++;
        if (reading->row_line == 0)
            reading->row_line = reading->line;
        if (csv_parse(parser, line + mark, bytes, take_field, take_row, reading) != bytes)
            fail(reading, csv_error(parser) == CSV_EPARSE ? "has a quote in the wrong place" : "is too long");
        if (reading->row_line == reading->line && line[strspn(line, "\r\n")] == '\0')
            reading->row_line = 0; /* an empty line, which libcsv skips */
    }
    free(line);
    if (!reading->failed && ferror(stream))
        return error_set_errno(reading->error, "%s: cannot be read", reading->name);
    if (!reading->failed && csv_fini(parser, take_field, take_row, reading) != 0)
        fail(reading, "the file ends within quotes");
    return reading->failed ? -1 : 0;
}

static int check_header(const struct csv_file *file, const char *name, struct error *error)
{
    for (size_t column = 0; column < file->columns; column++) {
        const char *title = file->text + file->fields[column];
        if (csv_file_column(file, title) != (int)column)
            return error_set(error, "%s: line %zu: the column '%s' is there twice", name, file->lines[0], title);
    }
    return 0;
}

int csv_file_read(struct csv_file *file, FILE *stream, const char *name, struct error *error)
{
    struct csv_parser parser;
    struct reading reading = {.file = file, .name = name, .error = error};
    *file = (struct csv_file){0};
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return error_set(error, "no memory to read '%s'", name);
    csv_set_space_func(&parser, not_a_space);
    int result = parse(&parser, &reading, stream);
    csv_free(&parser);
    if (result == 0 && reading.records == 0)
        result = error_set(error, "%s: is empty, expected a header line and rows", name);
    if (result == 0)
        result = check_header(file, name, error);
    if (result != 0)
        csv_file_release(file);
    else
        file->rows = reading.records - 1;
    return result;
}

void csv_file_release(struct csv_file *file)
{
    free(file->lines);
    free(file->fields);
    free(file->text);
    *file = (struct csv_file){0};
}

int csv_file_column(const struct csv_file *file, const char *name)
{
    for (size_t column = 0; column < file->columns; column++)
        if (strcmp(file->text + file->fields[column], name) == 0)
            return (int)column;
    return -1;
}

const char *csv_file_field(const struct csv_file *file, size_t row, int column)
{
    return file->text + file->fields[(row + 1) * file->columns + (size_t)column];
}

size_t csv_file_line(const struct csv_file *file, size_t row)
{
    return file->lines[row + 1];
}
