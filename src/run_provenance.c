#include "run_provenance.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_file.h"

static const char format_name[] = "bitfast-run-1";

/* Sets *root to NULL if there is no such file. */
static int load(json_t **root, const char *directory, const char *name, struct error *error)
{
    json_error_t wrong;
    char *path = run_file_join(directory, name, error);
    *root = NULL;
    if (path == NULL)
        return -1;
    FILE *stream = fopen(path, "r");
    int status = 0;
    if (stream != NULL) {
        *root = json_loadf(stream, JSON_REJECT_DUPLICATES, &wrong);
        if (*root == NULL)
            status = error_set(error, "%s: line %d: %s", path, wrong.line, wrong.text);
        else if (!json_is_object(*root))
            status = error_set(error, "%s: is no JSON object", path);
        fclose(stream);
    } else if (errno != ENOENT) {
        status = error_set_errno(error, "cannot open '%s'", path);
    }
    free(path);
    return status;
}

static bool is_digest(const char *text)
{
    return text != NULL && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static int check_list(const json_t *owner, const char *name, struct error *error)
{
    size_t i;
    const json_t *list = json_object_get(owner, name), *file;
    if (!json_is_array(list))
        return error_set(error, "has no list '%s'", name);
    json_array_foreach((json_t *)list, i, file) {
        if (json_string_value(json_object_get(file, "path")) == NULL ||
            !is_digest(json_string_value(json_object_get(file, "sha256"))))
            return error_set(error, "'%s', item %zu: is no object with a path and a sha256", name, i + 1);
    }
    return 0;
}

static int check_record(const json_t *record, struct error *error)
{
    size_t i;
    const char *name, *format = json_string_value(json_object_get(record, "format"));
    json_t *parameters = json_object_get(record, "parameters"), *value, *step;
    if (format == NULL || strcmp(format, format_name) != 0)
        return error_set(error, "has the format '%s', expected '%s'", format != NULL ? format : "", format_name);
    if (!json_is_object(parameters))
        return error_set(error, "has no object 'parameters'");
    json_object_foreach(parameters, name, value)
        if (!json_is_string(value))
            return error_set(error, "the parameter '%s' is no text", name);
    if (check_list(record, "tools", error) != 0 || check_list(record, "inputs", error) != 0 ||
        check_list(record, "outputs", error) != 0 || check_list(record, "steps", error) != 0)
        return -1;
    json_array_foreach(json_object_get(record, "steps"), i, step)
        if (check_list(step, "inputs", error) != 0)
            return error_prefix(error, "step %zu", i + 1);
    return 0;
}

int run_provenance_read(struct run_provenance *provenance, const char *directory, struct error *error)
{
    *provenance = (struct run_provenance){0};
    int status = load(&provenance->record, directory, "record.json", error);
    if (status == 0 && provenance->record != NULL && check_record(provenance->record, error) != 0)
        status = error_prefix(error, "%s/record.json", directory);
    if (status == 0)
        status = load(&provenance->environment, directory, "environment.json", error);
    if (status != 0)
        run_provenance_release(provenance);
    return status;
}

void run_provenance_release(struct run_provenance *provenance)
{
    json_decref(provenance->record);
    json_decref(provenance->environment);
    *provenance = (struct run_provenance){0};
}

const char *run_provenance_digest(const json_t *list, const char *path)
{
    size_t i;
    const json_t *file;
    json_array_foreach((json_t *)list, i, file)
        if (strcmp(json_string_value(json_object_get(file, "path")), path) == 0)
            return json_string_value(json_object_get(file, "sha256"));
    return NULL;
}

char *run_provenance_locate(const char *results, const char *path, struct error *error)
{
    static const char prefix[] = "results/";
    if (strncmp(path, prefix, strlen(prefix)) == 0)
        return run_file_join(results, path + strlen(prefix), error);
    char *project = run_file_join(results, "..", error);
    char *located = project != NULL ? run_file_join(project, path, error) : NULL;
    free(project);
    return located;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

void run_provenance_model(const struct run_provenance *provenance, const char **path, const char **sha256)
{
    size_t i, j;
    json_t *step, *input;
    char made[4096];
    const char *run = json_string_value(json_object_get(provenance->record, "run"));
    *path = *sha256 = NULL;
    snprintf(made, sizeof made, "results/%s/predictions.tsv", run != NULL ? run : "");
    json_array_foreach(json_object_get(provenance->record, "steps"), i, step) {
        if (strcmp(json_string_value(json_object_get(step, "path")), made) != 0)
            continue;
        json_array_foreach(json_object_get(step, "inputs"), j, input) {
            const char *name = json_string_value(json_object_get(input, "path"));
            if (!ends_with(name, ".safetensors"))
                continue;
            *path = name;
            *sha256 = json_string_value(json_object_get(input, "sha256"));
        }
    }
}
