#include "step_why.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "step_record.h"
#include "store.h"

enum { SHORT_DIGEST = 12, NAMES_MAX = 3 };

int step_why_init(struct step_why *why, const char *bin, const char *store, struct error *error)
{
    *why = (struct step_why){bin, store, json_object()};
    return why->changed != NULL ? 0 : error_set(error, "no memory");
}

void step_why_release(struct step_why *why)
{
    json_decref(why->changed);
}

static void say(json_t *reasons, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(json_t *reasons, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_array_append_new(reasons, json_string(text));
}

/* --- Commands, word by word --- */

struct words {
    char *text;
    char **word;
    size_t count, capacity;
};

static void words_release(struct words *words)
{
    free(words->text);
    free(words->word);
}

static int words_init(struct words *words, const char *command, struct error *error)
{
    *words = (struct words){.text = strdup(command)};
    for (char *rest = words->text, *word; rest != NULL && (word = strtok_r(rest, " ", &rest)) != NULL;) {
        char **larger = array_reserve(words->word, &words->capacity, words->count + 1, sizeof *larger);
        if (larger == NULL) {
            words_release(words);
            return error_set(error, "no memory");
        }
        words->word = larger;
        words->word[words->count++] = word;
    }
    return words->text != NULL ? 0 : error_set(error, "no memory");
}

/* The length of "--name=", 0 if the word is no such option. */
static size_t option_length(const char *word)
{
    const char *equals = strchr(word, '=');
    return strncmp(word, "--", 2) == 0 && equals != NULL ? (size_t)(equals - word) + 1 : 0;
}

/* Takes out what is in both, first equal words, then (with `options`) options of one name. */
static void match(struct words *old, struct words *new, bool options, json_t *reasons)
{
    for (size_t i = 0; i < old->count; i++) {
        for (size_t j = 0; old->word[i] != NULL && j < new->count; j++) {
            if (new->word[j] == NULL)
                continue;
            size_t length = options ? option_length(old->word[i]) : 0;
            if (!options && strcmp(old->word[i], new->word[j]) != 0)
                continue;
            if (options && (length == 0 || strncmp(old->word[i], new->word[j], length) != 0))
                continue;
            if (options)
                say(reasons, "%.*s: %s -> %s", (int)length - 1, old->word[i], old->word[i] + length,
                    new->word[j] + length);
            old->word[i] = new->word[j] = NULL;
        }
    }
}

static int compare_commands(const char *before, const char *now, json_t *reasons, struct error *error)
{
    struct words old, new;
    if (words_init(&old, before, error) != 0)
        return -1;
    if (words_init(&new, now, error) != 0) {
        words_release(&old);
        return -1;
    }
    size_t said = json_array_size(reasons), i = 0, j = 0;
    match(&old, &new, false, reasons);
    match(&old, &new, true, reasons);
    while (i < old.count || j < new.count) {
        while (i < old.count && old.word[i] == NULL)
            i++;
        while (j < new.count && new.word[j] == NULL)
            j++;
        if (i < old.count && j < new.count)
            say(reasons, "command: %s -> %s", old.word[i++], new.word[j++]);
        else if (i < old.count)
            say(reasons, "command: %s is no longer there", old.word[i++]);
        else if (j < new.count)
            say(reasons, "command: %s is new", new.word[j++]);
    }
    if (json_array_size(reasons) == said)
        say(reasons, "command: its words have another order");
    words_release(&old);
    words_release(&new);
    return 0;
}

/* --- Inputs --- */

static const char *kind_of(const char *path)
{
    return strncmp(path, "bin/", 4) == 0 || strncmp(path, "src/", 4) == 0 ? "tool" : "input";
}

/* In the place of a digest that is not yet known. */
static const char later[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void compare_inputs(const struct recipe *before, const struct recipe *now, json_t *reasons)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct recipe_input *new = &now->inputs[i], *old = recipe_find(before, new->path);
        if (old == NULL)
            say(reasons, "%s %s is new", kind_of(new->path), new->path);
        else if (strcmp(new->sha256, later) != 0 && strcmp(old->sha256, new->sha256) != 0)
            say(reasons, "%s %s: sha256 %.*s -> %.*s", kind_of(new->path), new->path, SHORT_DIGEST, old->sha256,
                SHORT_DIGEST, new->sha256);
    }
    for (size_t i = 0; i < before->count; i++)
        if (recipe_find(now, before->inputs[i].path) == NULL)
            say(reasons, "%s %s is no longer one", kind_of(before->inputs[i].path), before->inputs[i].path);
}

/* "A is made again", "A, B, C and 2 more are made again": of the inputs that have not yet the bytes that they will. */
static void say_unknown(const struct step_why *why, const struct step_plan *plan, json_t *reasons)
{
    char text[1024] = "";
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const char *known = json_string_value(json_object_get(why->changed, plan->inputs[i]));
        const char *slash = strrchr(plan->inputs[i], '/'), *name = slash != NULL ? slash + 1 : plan->inputs[i];
        if (known == NULL || known[0] != '\0')
            continue;
        size_t length = strlen(text);
        if (count++ < NAMES_MAX)
            snprintf(text + length, sizeof text - length, "%s%s", count > 1 ? ", " : "", name);
    }
    if (count > NAMES_MAX)
        say(reasons, "%s and %zu more are made again", text, count - NAMES_MAX);
    else
        say(reasons, "%s %s made again", text, count == 1 ? "is" : "are");
}

/* Sets *unknown if an input has not yet the bytes that it will have. */
static int make_recipe(struct step_why *why, const struct step_plan *plan, struct recipe *recipe, bool *unknown,
                       struct error *error)
{
    char(*digests)[DIGEST_TEXT_BYTES] = calloc(plan->count + 1, sizeof *digests);
    struct recipe_input *inputs = calloc(plan->count + 1, sizeof *inputs);
    size_t length = strlen(why->bin);
    int result = digests != NULL && inputs != NULL ? 0 : error_set(error, "no memory");
    for (size_t i = 0; result == 0 && i < plan->count; i++) {
        const char *path = plan->inputs[i], *known = json_string_value(json_object_get(why->changed, path));
        if (known == NULL)
            result = step_record_digest(path, digests[i], error);
        else
            snprintf(digests[i], DIGEST_TEXT_BYTES, "%s", known[0] != '\0' ? known : later);
        *unknown = *unknown || (known != NULL && known[0] == '\0');
        if (length >= 3 && strncmp(path, why->bin, length) == 0 && path[length] == '/')
            path = memcpy(plan->inputs[i] + length - 3, "bin", 3); /* the tools' folder takes this name, in place */
        inputs[i] = (struct recipe_input){path, digests[i]};
    }
    if (result == 0)
        result = recipe_make(recipe, plan->command, inputs, plan->count, error);
    free(inputs);
    free(digests);
    return result;
}

/* --- Fates --- */

static int compare(const struct step_plan *plan, const struct recipe *now, json_t *reasons, struct error *error)
{
    struct step_record record;
    char found[DIGEST_TEXT_BYTES];
    int result = 0;
    if (access(plan->target, F_OK) != 0) {
        say(reasons, "is missing");
        return 0;
    }
    if (plan->always)
        return 0;
    if (!step_record_read(&record, plan->target)) {
        say(reasons, "has no record of how it was made");
        return 0;
    }
    if (strcmp(record.recipe.command, plan->command) != 0)
        result = compare_commands(record.recipe.command, plan->command, reasons, error);
    compare_inputs(&record.recipe, now, reasons);
    if (result == 0)
        result = step_record_digest(plan->target, found, error);
    if (result == 0 && strcmp(found, record.sha256) != 0)
        say(reasons, "was changed after it was made: sha256 %.*s -> %.*s", SHORT_DIGEST, record.sha256, SHORT_DIGEST,
            found);
    if (plan->again != NULL && plan->again[0] != '\0')
        say(reasons, "%s", plan->again);
    step_record_release(&record);
    return result;
}

int step_why_find(struct step_why *why, const struct step_plan *plan, enum step_fate *fate, json_t *reasons,
                  struct error *error)
{
    struct recipe recipe = {0};
    struct error ignored;
    bool unknown = false;
    char sha256[DIGEST_TEXT_BYTES] = "";
    if (make_recipe(why, plan, &recipe, &unknown, error) != 0)
        return -1;
    int result = compare(plan, &recipe, reasons, error);
    bool may_restore = !unknown && !plan->no_store && !plan->always && why->store[0] != '\0';
    if (json_array_size(reasons) > 0)
        *fate = may_restore && store_find(why->store, &recipe, sha256, &ignored) == STORE_HAS ? STEP_RESTORED
                                                                                              : STEP_RUNS;
    else
        *fate = unknown ? STEP_MAY_RUN : STEP_TOUCHED;
    if (*fate == STEP_RESTORED)
        say(reasons, "the store has it");
    if (*fate == STEP_MAY_RUN)
        say_unknown(why, plan, reasons);
    if (*fate != STEP_TOUCHED)
        json_object_set_new(why->changed, plan->target, json_string(*fate == STEP_RESTORED ? sha256 : ""));
    recipe_release(&recipe);
    return result;
}
