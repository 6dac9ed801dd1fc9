#include "run_state.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "part_file.h"
#include "step_record.h"

const char *run_state_name(enum run_state state)
{
    static const char *const names[] = {[RUN_DONE] = "done", [RUN_RUNNING] = "running",
                                        [RUN_INTERRUPTED] = "interrupted", [RUN_CHANGED] = "changed"};
    return names[state];
}

/* DIRECTORY/NAME; NULL without memory. */
static char *join(const char *directory, const char *name)
{
    size_t room = strlen(directory) + strlen(name) + 2;
    char *path = malloc(room);
    if (path != NULL)
        snprintf(path, room, "%s/%s", directory, name);
    return path;
}

/* The record's paths are relative to the project's directory, of which we may not be in: from the run's directory that
 * is three levels up. */
static int check_output(const char *directory, const char *path, const char *sha256, struct error *error)
{
    char found[DIGEST_TEXT_BYTES], up[] = "../../..";
    char *root = join(directory, up), *place = root != NULL ? join(root, path) : NULL;
    int result = place == NULL ? error_set(error, "no memory") : step_record_digest(place, found, error);
    if (result == 0 && strcmp(found, sha256) != 0)
        result = error_set(error, "%s: found sha256 %s, expected %s", path, found, sha256);
    free(place);
    free(root);
    return result;
}

static int check_record(const char *directory, const char *path, struct error *error)
{
    json_error_t problem;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &problem), *outputs = json_object_get(root, "outputs");
    if (root == NULL)
        return error_set(error, "%s: %s", path, problem.text);
    int result = 0;
    if (json_array_size(outputs) == 0)
        result = error_set(error, "%s: names no outputs", path);
    for (size_t i = 0; result == 0 && i < json_array_size(outputs); i++) {
        const json_t *output = json_array_get(outputs, i);
        const char *name = json_string_value(json_object_get(output, "path"));
        const char *sha256 = json_string_value(json_object_get(output, "sha256"));
        if (name == NULL || sha256 == NULL)
            result = error_set(error, "%s: an output has no path or sha256", path);
        else
            result = check_output(directory, name, sha256, error);
    }
    json_decref(root);
    return result;
}

enum run_state run_state_find(const char *directory, bool verify, struct error *why)
{
    struct error ignored;
    char *record = join(directory, "record.json"), *training = join(directory, "..");
    enum run_state state = RUN_INTERRUPTED;
    if (record != NULL && access(record, F_OK) == 0)
        state = !verify || check_record(directory, record, why != NULL ? why : &ignored) == 0 ? RUN_DONE : RUN_CHANGED;
    bool may_run = state != RUN_DONE && training != NULL;
    if (may_run && (part_file_is_written(directory) || part_file_is_written(training)))
        state = RUN_RUNNING;
    free(training);
    free(record);
    return state;
}
