#include "run_file.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 8192 };

char *run_file_join(const char *directory, const char *name, struct error *error)
{
    size_t length = strlen(directory);
    char *path = malloc(length + strlen(name) + 2);
    if (path == NULL) {
        error_set(error, "no memory for a path");
        return NULL;
    }
    memcpy(path, directory, length);
    if (length > 0 && directory[length - 1] != '/')
        path[length++] = '/';
    strcpy(path + length, name);
    return path;
}

char *run_file_read(int file, bool regular, const char *path, size_t *length, struct error *error)
{
    char buffer[READ_BYTES], *text = NULL;
    ssize_t got;
    *length = 0;
    do {
        got = read(file, buffer, sizeof buffer);
        char *grown = got >= 0 ? realloc(text, *length + (size_t)got + 1) : NULL;
        if (grown == NULL) {
            if (got < 0)
                error_set_errno(error, "%s: cannot be read", path);
            else
                error_set(error, "%s: no memory for %zu bytes", path, *length + (size_t)got);
            free(text);
            return NULL;
        }
        text = grown;
        memcpy(text + *length, buffer, (size_t)got);
        *length += (size_t)got;
        text[*length] = '\0';
    } while (got > 0 && (!regular || (size_t)got == sizeof buffer));
    return text;
}

int run_file_parse_record(struct table *record, int file, bool regular, const char *path, struct error *error)
{
    size_t length;
    char *text = run_file_read(file, regular, path, &length, error);
    if (text == NULL || table_parse(record, text, length, path, '\t', error) != 0)
        return -1;
    return record->rows == 1 ? 0 : error_set(error, "%s: has %zu rows, expected one", path, record->rows);
}

/* The last two names of the path of a file in the run's directory: TRAINING/RUN. */
static void name_from_path(const char *path, const char **name, size_t *length)
{
    size_t end = strlen(path), slashes = 0, start;
    while (end > 0 && path[end - 1] != '/')
        end--;
    end -= end > 0;
    for (start = end; start > 0 && (path[start - 1] != '/' || ++slashes < 2); start--)
        ;
    *name = path + start;
    *length = end - start;
}

/* NAME = VALUE, line by line, as the header and the row of a run.tsv; a set of folds is 1+2+3 there. */
static int convert_parameters(char *text, const char *path, FILE *head, FILE *row, struct error *error)
{
    size_t line = 0;
    for (char *at = text, *next; *at != '\0'; at = next) {
        next = at + strcspn(at, "\n");
        if (*next != '\0')
            *next++ = '\0';
        line++;
        size_t length = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        char *value = at + length + strspn(at + length, " ");
        if (length == 0 || value[0] != '=')
            return error_set(error, "%s: line %zu: found '%s', expected NAME = VALUE", path, line, at);
        value += 1 + strspn(value + 1, " ");
        for (char *space = value; (space = strchr(space, ' ')) != NULL;)
            *space = '+';
        fprintf(head, "\t%.*s", (int)length, at);
        fprintf(row, "\t%s", value);
    }
    return 0;
}

int run_file_parse_parameters(struct table *record, int file, const char *path, struct error *error)
{
    size_t length, head_length = 0, row_length = 0, name_length;
    char *head_text = NULL, *row_text = NULL;
    const char *name;
    char *text = run_file_read(file, true, path, &length, error);
    if (text == NULL)
        return -1;
    if (strlen(text) != length) {
        free(text);
        return error_set(error, "%s: holds the control character 0x00", path);
    }
    FILE *head = open_memstream(&head_text, &head_length), *row = open_memstream(&row_text, &row_length);
    int status = head != NULL && row != NULL ? 0 : error_set(error, "%s: no memory for its fields", path);
    if (status == 0) {
        name_from_path(path, &name, &name_length);
        fputs("run", head);
        fprintf(row, "\n%.*s", (int)name_length, name);
        status = convert_parameters(text, path, head, row, error);
    }
    if (head != NULL)
        fclose(head);
    if (row != NULL)
        fclose(row);
    char *table = status == 0 ? realloc(head_text, head_length + row_length + 1) : NULL;
    if (table != NULL)
        memcpy(table + head_length, row_text, row_length + 1);
    else
        free(head_text);
    free(row_text);
    free(text);
    if (table != NULL)
        return table_parse(record, table, head_length + row_length, path, '\t', error);
    return status != 0 ? status : error_set(error, "%s: no memory for its fields", path);
}

int run_file_parse_times(char seconds[RUN_SECONDS_BYTES], int file, const char *path, struct error *error)
{
    struct table times;
    size_t length, column;
    double sum = 0, step;
    char *text = run_file_read(file, true, path, &length, error);
    if (text == NULL || table_parse(&times, text, length, path, '\t', error) != 0)
        return -1;
    int status = table_find_column(&times, "seconds", &column, error);
    for (size_t i = 0; status == 0 && i < times.rows; i++) {
        status = table_real(&times, i, column, 0, DBL_MAX, &step, error);
        sum += status == 0 ? step : 0;
    }
    snprintf(seconds, RUN_SECONDS_BYTES, "%.9g", sum);
    table_release(&times);
    return status;
}
