#include "run_steps.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "step_record.h"

/* Objects by path; `queue` holds the paths in the order in which they were found. */
struct gathering {
    json_t *tools, *inputs, *steps, *queue;
    const char *data;
};

static json_t *file_object(const char *path, const char *sha256)
{
    return json_pack("{s:s, s:s}", "path", path, "sha256", sha256);
}

static bool is_tool(const char *path)
{
    return strncmp(path, "bin/", 4) == 0 || strncmp(path, "src/", 4) == 0;
}

/* A tool may have had other bytes for another step. */
static int add_leaf(struct gathering *all, const struct recipe_input *input, struct error *error)
{
    json_t *place = is_tool(input->path) ? all->tools : all->inputs;
    size_t room = strlen(input->path) + DIGEST_TEXT_BYTES + 2;
    char *key = malloc(room);
    if (key == NULL)
        return error_set(error, "no memory");
    snprintf(key, room, "%s %s", input->path, input->sha256);
    int result = json_object_set_new(place, key, file_object(input->path, input->sha256));
    free(key);
    return result == 0 ? 0 : error_set(error, "%s: is no text in UTF-8", input->path);
}

/* An epoch that was pruned is gone, its record is not: it still says what the next one was made from. */
static int digest_of(const char *path, const struct step_record *record, char sha256[DIGEST_TEXT_BYTES],
                     struct error *error)
{
    if (access(path, F_OK) == 0 || errno != ENOENT)
        return step_record_digest(path, sha256, error);
    memcpy(sha256, record->sha256, DIGEST_TEXT_BYTES);
    return 0;
}

static int add_inputs(struct gathering *all, const char *path, const struct recipe *recipe, json_t *list,
                      struct error *error)
{
    char found[DIGEST_TEXT_BYTES];
    for (size_t i = 0; i < recipe->count; i++) {
        const struct recipe_input *input = &recipe->inputs[i];
        struct step_record record;
        json_array_append_new(list, file_object(input->path, input->sha256));
        bool is_made = strcmp(input->path, all->data) != 0 && step_record_read(&record, input->path);
        if (!is_made && add_leaf(all, input, error) != 0)
            return -1;
        if (!is_made)
            continue;
        int result = digest_of(input->path, &record, found, error);
        step_record_release(&record);
        if (result != 0)
            return -1;
        if (strcmp(found, input->sha256) != 0)
            return error_set(error, "%s: was made from other bytes than %s has now; make it again", path, input->path);
        if (json_object_get(all->steps, input->path) == NULL)
            json_array_append_new(all->queue, json_string(input->path));
    }
    return 0;
}

static int add_step(struct gathering *all, const char *path, struct error *error)
{
    struct step_record record;
    char found[DIGEST_TEXT_BYTES];
    if (json_object_get(all->steps, path) != NULL)
        return 0;
    if (!step_record_read(&record, path))
        return access(path, F_OK) != 0
                   ? step_record_digest(path, found, error)
                   : error_set(error, "%s: has no record of how it was made; remove it and make it again", path);
    json_t *list = json_array();
    int result = digest_of(path, &record, found, error);
    if (result == 0 && strcmp(found, record.sha256) != 0)
        result = error_set(error, "%s: was changed after it was made; remove it and make it again", path);
    if (result == 0)
        result = add_inputs(all, path, &record.recipe, list, error);
    if (result == 0 && json_object_set_new(all->steps, path,
                                           json_pack("{s:s, s:s, s:s, s:O}", "path", path, "sha256", found, "command",
                                                     record.recipe.command, "inputs", list)) != 0)
        result = error_set(error, "%s: its command is no text in UTF-8", path);
    json_decref(list);
    step_record_release(&record);
    return result;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The object's values, sorted by key. */
static json_t *sorted(json_t *object)
{
    size_t count = json_object_size(object), i = 0;
    const char **keys = calloc(count + 1, sizeof *keys);
    json_t *list = json_array();
    if (keys == NULL)
        return list;
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at))
        keys[i++] = json_object_iter_key(at);
    qsort(keys, count, sizeof *keys, by_text);
    for (i = 0; i < count; i++)
        json_array_append(list, json_object_get(object, keys[i]));
    free(keys);
    return list;
}

json_t *run_steps_gather(char *const *outputs, size_t count, const char *data, struct error *error)
{
    struct gathering all = {json_object(), json_object(), json_object(), json_array(), data};
    json_t *made = json_array(), *result = NULL;
    int status = 0;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(all.queue, json_string(outputs[i]));
    for (size_t i = 0; status == 0 && i < json_array_size(all.queue); i++)
        status = add_step(&all, json_string_value(json_array_get(all.queue, i)), error);
    for (size_t i = 0; status == 0 && i < count; i++) {
        json_t *step = json_object_get(all.steps, outputs[i]);
        json_array_append_new(made, file_object(outputs[i], json_string_value(json_object_get(step, "sha256"))));
    }
    if (status == 0)
        result = json_pack("{s:o, s:o, s:O, s:o}", "tools", sorted(all.tools), "inputs", sorted(all.inputs), "outputs",
                           made, "steps", sorted(all.steps));
    if (status == 0 && result == NULL)
        error_set(error, "no memory");
    json_decref(made);
    json_decref(all.tools);
    json_decref(all.inputs);
    json_decref(all.steps);
    json_decref(all.queue);
    return result;
}
