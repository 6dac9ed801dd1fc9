#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "number.h"

enum { READ_BYTES_FIRST = 4096 };

/* Reads all of the stream and adds a zero byte that *length does not count. */
static char *read_text(FILE *stream, size_t *length, struct error *error)
{
    size_t size = READ_BYTES_FIRST;
    char *text = malloc(size);
    *length = 0;
    while (text != NULL) {
        *length += fread(text + *length, 1, size - 1 - *length, stream);
        if (*length < size - 1)
            break;
        char *grown = size <= SIZE_MAX / 2 ? realloc(text, size *= 2) : NULL;
        if (grown == NULL)
            free(text);
        text = grown;
    }
    if (text == NULL) {
        error_set(error, "no memory for %zu bytes", size);
        return NULL;
    }
    if (ferror(stream)) {
        error_set_errno(error, "cannot be read");
        free(text);
        return NULL;
    }
    text[*length] = '\0';
    return text;
}

/* Checks the bytes and that all lines have the same number of fields, so that their product is what is in memory. */
static int measure(const char *text, size_t length, char separator, size_t *lines, size_t *columns, struct error *error)
{
    size_t start = 0, fields = 1;
    *lines = 0;
    for (size_t i = 0; i <= length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (i == length && start == length)
            break;
        if (byte == '\n' || i == length) {
            ++*lines;
            if (i == start || (i == start + 1 && text[start] == '\r'))
                return error_set(error, "line %zu: is empty", *lines);
            if (*lines == 1)
                *columns = fields;
            if (fields != *columns)
                return error_set(error, "line %zu: has %zu fields, expected %zu as in the header", *lines, fields,
                                 *columns);
            start = i + 1;
            fields = 1;
        } else if (text[i] == separator) {
            fields++;
        } else if ((byte < ' ' && (byte != '\r' || (text[i + 1] != '\n' && i + 1 != length))) || byte == 0x7f) {
            return error_set(error, "line %zu: holds the control character 0x%02x", *lines + 1, byte);
        }
    }
    return *lines > 0 ? 0 : error_set(error, "is empty, expected a header line");
}

/* Ends each field with a zero byte and keeps where it begins. */
static void split(char *text, char separator, const char **fields)
{
    while (*text != '\0') {
        char *end = text + strcspn(text, "\n"), *next = *end == '\n' ? end + 1 : end;
        if (end[-1] == '\r')
            end--;
        *end = '\0';
        for (char *at = text; at != NULL;) {
            *fields++ = at;
            at = strchr(at, separator);
            if (at != NULL)
                *at++ = '\0';
        }
        text = next;
    }
}

struct cell {
    const char *text;
    size_t place;
};

static int compare_cells(const void *a, const void *b)
{
    const struct cell *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

/* Sorts the cells; *repeated is the second of the equal ones that come first in the order of place, or NULL. */
static const struct cell *find_repeated(struct cell *cells, size_t count)
{
    const struct cell *repeated = NULL;
    qsort(cells, count, sizeof *cells, compare_cells);
    for (size_t i = 1; i < count; i++)
        if (strcmp(cells[i - 1].text, cells[i].text) == 0 && (repeated == NULL || cells[i].place < repeated->place))
            repeated = &cells[i];
    return repeated;
}

static struct cell *list_cells(const char *const *texts, size_t step, size_t count, struct error *error)
{
    struct cell *cells = calloc(count + 1, sizeof *cells);
    if (cells == NULL) {
        error_set(error, "no memory for %zu names", count);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        cells[i] = (struct cell){texts[i * step], i};
    return cells;
}

static int check_header(const struct table *table, struct error *error)
{
    for (size_t column = 0; column < table->columns; column++)
        if (table->fields[column][0] == '\0')
            return error_set(error, "column %zu has no name", column + 1);
    struct cell *cells = list_cells(table->fields, 1, table->columns, error);
    if (cells == NULL)
        return -1;
    const struct cell *repeated = find_repeated(cells, table->columns);
    if (repeated != NULL)
        error_set(error, "the column '%s' is there twice", repeated->text);
    free(cells);
    return repeated != NULL ? -1 : 0;
}

static int fill(struct table *table, size_t length, char separator, struct error *error)
{
    size_t lines;
    if (measure(table->text, length, separator, &lines, &table->columns, error) != 0)
        return -1;
    table->fields = calloc(lines * table->columns, sizeof *table->fields);
    if (table->fields == NULL)
        return error_set(error, "no memory for %zu lines of %zu fields", lines, table->columns);
    split(table->text, separator, table->fields);
    table->rows = lines - 1;
    return check_header(table, error);
}

int table_parse(struct table *table, char *text, size_t length, const char *name, char separator, struct error *error)
{
    *table = (struct table){.name = name, .text = text};
    if (fill(table, length, separator, error) == 0)
        return 0;
    table_release(table);
    return error_prefix(error, "%s", name);
}

int table_read(struct table *table, FILE *stream, const char *name, char separator, struct error *error)
{
    size_t length;
    char *text = read_text(stream, &length, error);
    *table = (struct table){0};
    return text != NULL ? table_parse(table, text, length, name, separator, error) : error_prefix(error, "%s", name);
}

int table_read_file(struct table *table, const char *path, char separator, struct error *error)
{
    *table = (struct table){0};
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return error_set_errno(error, "cannot open '%s'", path);
    int status = table_read(table, stream, path, separator, error);
    fclose(stream);
    return status;
}

void table_release(struct table *table)
{
    free(table->text);
    free(table->fields);
    *table = (struct table){0};
}

const char *table_field(const struct table *table, size_t row, size_t column)
{
    return table->fields[(row + 1) * table->columns + column];
}

const char *table_column_name(const struct table *table, size_t column)
{
    return table->fields[column];
}

int table_find_column(const struct table *table, const char *name, size_t *column, struct error *error)
{
    for (*column = 0; *column < table->columns; ++*column)
        if (strcmp(table->fields[*column], name) == 0)
            return 0;
    const char *nearest = number_nearest_name(name, table->fields, table->columns);
    if (nearest != NULL)
        return error_set(error, "%s: has no column '%s'; the nearest is '%s'", table->name, name, nearest);
    return error_set(error, "%s: has no column '%s'", table->name, name);
}

int table_locate_error(const struct table *table, size_t row, size_t column, struct error *error)
{
    return error_prefix(error, "%s: line %zu, column '%s'", table->name, row + 2, table->fields[column]);
}

int table_integer(const struct table *table, size_t row, size_t column, int64_t minimum, int64_t maximum,
                  int64_t *value, struct error *error)
{
    if (number_parse_integer(table_field(table, row, column), minimum, maximum, value, error) == 0)
        return 0;
    return table_locate_error(table, row, column, error);
}

int table_real(const struct table *table, size_t row, size_t column, double minimum, double maximum, double *value,
               struct error *error)
{
    if (number_parse_real(table_field(table, row, column), minimum, maximum, value, error) == 0)
        return 0;
    return table_locate_error(table, row, column, error);
}

int table_check_keys(const struct table *table, size_t column, struct error *error)
{
    struct cell *cells = list_cells(table->fields + table->columns + column, table->columns, table->rows, error);
    if (cells == NULL)
        return -1;
    const struct cell *bad = find_repeated(cells, table->rows);
    if (bad != NULL)
        error_set(error, "'%s' is there twice", bad->text);
    if (table->rows > 0 && cells[0].text[0] == '\0') {
        bad = &cells[0];
        error_set(error, "is empty");
    }
    if (bad != NULL)
        table_locate_error(table, bad->place, column, error);
    free(cells);
    return bad != NULL ? -1 : 0;
}
