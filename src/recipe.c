#include "recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"

static const char command_word[] = "command ", input_word[] = "input ";

/* Skips the word at the beginning of *at, if it is there. */
static bool skip_word(char **at, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*at, word, length) != 0)
        return false;
    *at += length;
    return true;
}

/* Cuts off the line at *at and steps to the next one; NULL if no line break ends it, or if it is empty. */
static char *next_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    if (end == NULL || end == line)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++)
        count++;
    return count;
}

/* Cuts recipe->parts, for whose inputs there is room. */
static int cut(struct recipe *recipe, struct error *error)
{
    char *at = recipe->parts, *line = next_line(&at);
    if (line == NULL || !skip_word(&line, command_word) || *line == '\0')
        return error_set(error, "found no line 'command COMMAND'");
    recipe->command = line;
    while (*at != '\0') {
        line = next_line(&at);
        if (line == NULL || !skip_word(&line, input_word) || !digest_is_text(line) ||
            line[DIGEST_TEXT_BYTES - 1] != ' ' || line[DIGEST_TEXT_BYTES] == '\0')
            return error_set(error, "found a line that is not 'input SHA256 PATH'");
        line[DIGEST_TEXT_BYTES - 1] = '\0';
        recipe->inputs[recipe->count++] = (struct recipe_input){line + DIGEST_TEXT_BYTES, line};
    }
    return 0;
}

int recipe_parse(struct recipe *recipe, const char *text, struct error *error)
{
    *recipe = (struct recipe){.text = strdup(text), .size = strlen(text), .parts = strdup(text)};
    recipe->inputs = calloc(count_lines(text) + 1, sizeof recipe->inputs[0]);
    int result = 0;
    if (recipe->text == NULL || recipe->parts == NULL || recipe->inputs == NULL)
        result = error_set(error, "no memory");
    if (result == 0)
        result = cut(recipe, error);
    if (result != 0)
        recipe_release(recipe);
    return result;
}

int recipe_make(struct recipe *recipe, const char *command, const struct recipe_input *inputs, size_t count,
                struct error *error)
{
    size_t size = strlen(command) + sizeof command_word + 1;
    if (strchr(command, '\n') != NULL)
        return error_set(error, "the command holds a line break: %s", command);
    for (size_t i = 0; i < count; i++) {
        if (strchr(inputs[i].path, '\n') != NULL)
            return error_set(error, "the path holds a line break: %s", inputs[i].path);
        size += strlen(inputs[i].path) + sizeof input_word + DIGEST_TEXT_BYTES + 1;
    }
    char *text = malloc(size);
    if (text == NULL)
        return error_set(error, "no memory");
    size_t length = (size_t)snprintf(text, size, "%s%s\n", command_word, command);
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%.*s %s\n", input_word, DIGEST_TEXT_BYTES - 1,
                                   inputs[i].sha256, inputs[i].path);
    int result = recipe_parse(recipe, text, error);
    free(text);
    return result;
}

void recipe_release(struct recipe *recipe)
{
    free(recipe->text);
    free(recipe->parts);
    free(recipe->inputs);
    *recipe = (struct recipe){0};
}

bool recipe_equal(const struct recipe *a, const struct recipe *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

const struct recipe_input *recipe_find(const struct recipe *recipe, const char *path)
{
    for (size_t i = 0; i < recipe->count; i++)
        if (strcmp(recipe->inputs[i].path, path) == 0)
            return &recipe->inputs[i];
    return NULL;
}
