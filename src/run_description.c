#include "run_description.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "number.h"
#include "run_file.h"
#include "run_provenance.h"
#include "run_table.h"
#include "run_tags.h"
#include "table.h"

struct description {
    const struct run_place *place;
    struct run_table table; /* of this run */
    struct run_provenance provenance;
    json_t *root;
    bool changed;
};

static int set(json_t *object, const char *name, json_t *value, struct error *error)
{
    if (value != NULL && json_object_set_new(object, name, value) == 0)
        return 0;
    return error_set(error, "'%s' cannot be kept as JSON: no memory, or text that is not UTF-8", name);
}

/* A number as one, other text as text, what is missing as null. */
static json_t *value_of(const char *text)
{
    double number;
    int64_t whole;
    struct error ignored;
    if (text == NULL)
        return json_null();
    if (number_parse_integer(text, INT64_MIN, INT64_MAX, &whole, &ignored) == 0)
        return json_integer(whole);
    return number_parse_real(text, -DBL_MAX, DBL_MAX, &number, &ignored) == 0 ? json_real(number) : json_string(text);
}

static int add_columns(struct description *description, struct error *error)
{
    json_t *parameters = json_object(), *metrics = json_object();
    int status = 0;
    for (size_t column = 0; status == 0 && column < description->table.column_count; column++) {
        bool parameter = run_table_is_parameter(&description->table, column);
        if (parameter || run_table_is_metric(&description->table, column))
            status = set(parameter ? parameters : metrics, description->table.columns[column],
                         value_of(run_table_cell(&description->table, 0, column)), error);
    }
    json_object_set_new(description->root, "parameters", parameters);
    json_object_set_new(description->root, "metrics", metrics);
    return status;
}

static int add_tags(struct description *description, struct error *error)
{
    struct run_tags tags;
    json_t *list = json_array();
    json_object_set_new(description->root, "tags", list);
    if (run_tags_read(&tags, description->place->results, error) != 0)
        return -1;
    int status = 0;
    for (size_t i = 0; status == 0 && i < tags.count; i++) {
        if (strcmp(tags.tags[i].run, description->place->name) != 0)
            continue;
        json_t *tag = json_object();
        status = set(tag, "name", json_string(tags.tags[i].name), error);
        if (status == 0)
            status = set(tag, "note", json_string(tags.tags[i].note), error);
        json_array_append_new(list, tag);
    }
    run_tags_release(&tags);
    return status;
}

static int add_times(struct description *description, struct error *error)
{
    struct table times;
    size_t step, seconds;
    json_t *object = json_object();
    char *path = run_file_join(description->place->directory, "times.tsv", error);
    json_object_set_new(description->root, "times", object);
    int status = path == NULL ? -1 : 0;
    if (status == 0 && access(path, F_OK) == 0) {
        status = table_read_file(&times, path, '\t', error);
        if (status == 0) {
            status = table_find_column(&times, "step", &step, error) != 0 ||
                     table_find_column(&times, "seconds", &seconds, error) != 0 ? -1 : 0;
            for (size_t i = 0; status == 0 && i < times.rows; i++)
                status = set(object, table_field(&times, i, step), value_of(table_field(&times, i, seconds)), error);
            table_release(&times);
        }
    }
    free(path);
    return status;
}

/* --- Files --- */

static int add_file(struct description *description, const char *name, const char *path, const char *recorded,
                    struct error *error)
{
    struct stat kind;
    char sha256[DIGEST_TEXT_BYTES] = "";
    json_t *file = json_object();
    json_array_append_new(json_object_get(description->root, "files"), file);
    int opened = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), status = 0;
    bool missing = opened < 0 && errno == ENOENT;
    if (opened < 0 && !missing)
        status = error_set_errno(error, "cannot open '%s'", path);
    else if (opened >= 0 && (fstat(opened, &kind) != 0 || digest_file(opened, sha256, error) != 0))
        status = error_prefix(error, "%s", path);
    if (opened >= 0)
        close(opened);
    bool changed = recorded != NULL && strcmp(recorded, sha256) != 0;
    const char *state = recorded == NULL ? "not recorded" : missing ? "missing" : changed ? "changed" : "recorded";
    description->changed |= changed;
    if (status == 0)
        status = set(file, "name", json_string(name), error);
    if (status == 0)
        status = set(file, "bytes", missing ? json_null() : json_integer(kind.st_size), error);
    if (status == 0)
        status = set(file, "sha256", missing ? json_null() : json_string(sha256), error);
    return status == 0 ? set(file, "state", json_string(state), error) : status;
}

static int add_recorded_files(struct description *description, struct error *error)
{
    size_t i;
    json_t *output;
    int status = 0;
    json_array_foreach(json_object_get(description->provenance.record, "outputs"), i, output) {
        const char *name = json_string_value(json_object_get(output, "path"));
        char *path = run_provenance_locate(description->place->results, name, error);
        const char *slash = strrchr(name, '/');
        status = path != NULL ? add_file(description, slash != NULL ? slash + 1 : name, path,
                                         json_string_value(json_object_get(output, "sha256")), error) : -1;
        free(path);
        if (status != 0)
            break;
    }
    return status;
}

static bool is_listed(const json_t *files, const char *name)
{
    size_t i;
    const json_t *file;
    json_array_foreach((json_t *)files, i, file)
        if (strcmp(json_string_value(json_object_get(file, "name")), name) == 0)
            return true;
    return false;
}

static int add_files(struct description *description, struct error *error)
{
    const char *directory = description->place->directory;
    struct dirent **entries = NULL;
    json_object_set_new(description->root, "files", json_array());
    int status = add_recorded_files(description, error), count = status == 0 ? scandir(directory, &entries, NULL,
                                                                                      alphasort) : 0;
    if (count < 0)
        return error_set_errno(error, "cannot read '%s'", directory);
    for (int i = 0; i < count; i++) {
        struct stat kind;
        const char *name = entries[i]->d_name;
        char *path = status == 0 && name[0] != '.' ? run_file_join(directory, name, error) : NULL;
        if (path != NULL && stat(path, &kind) == 0 && S_ISREG(kind.st_mode) &&
            !is_listed(json_object_get(description->root, "files"), name))
            status = add_file(description, name, path, NULL, error);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static int add_digests(struct description *description, const char *name, struct error *error)
{
    size_t i;
    json_t *file, *object = json_object();
    json_object_set_new(description->root, name, object);
    json_array_foreach(json_object_get(description->provenance.record, name), i, file)
        if (set(object, json_string_value(json_object_get(file, "path")),
                json_incref(json_object_get(file, "sha256")), error) != 0)
            return -1;
    return 0;
}

/* --- All of it --- */

static int fill(struct description *description, struct error *error)
{
    const struct run_place *place = description->place;
    char id[RUN_ID_BYTES];
    run_id(place->name, id);
    if (run_table_add(&description->table, place->directory, true, error) != 0 ||
        run_provenance_read(&description->provenance, place->directory, error) != 0 ||
        set(description->root, "run", json_string(place->name), error) != 0 ||
        set(description->root, "id", json_string(id), error) != 0 ||
        set(description->root, "directory", json_string(place->directory), error) != 0 ||
        set(description->root, "state", json_null(), error) != 0 || add_tags(description, error) != 0 ||
        add_columns(description, error) != 0 || add_files(description, error) != 0 ||
        add_times(description, error) != 0 || add_digests(description, "tools", error) != 0 ||
        add_digests(description, "inputs", error) != 0)
        return -1;
    enum run_state state = description->table.runs[0].state;
    if (state == RUN_DONE && description->changed)
        state = RUN_CHANGED;
    json_t *environment = description->provenance.environment;
    if (set(description->root, "state", json_string(run_state_name(state)), error) != 0)
        return -1;
    return set(description->root, "environment", environment != NULL ? json_incref(environment) : json_null(), error);
}

json_t *run_describe(const struct run_place *place, struct error *error)
{
    struct description description = {.place = place, .root = json_object()};
    int status = description.root != NULL ? fill(&description, error) : error_set(error, "no memory");
    run_table_release(&description.table);
    run_provenance_release(&description.provenance);
    if (status == 0)
        return description.root;
    json_decref(description.root);
    return NULL;
}
