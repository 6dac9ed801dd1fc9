/* What a step's output depends on, as text:
 *     command COMMAND
 *     input SHA256 PATH
 *     ...
 * Steps with the same recipe make the same bytes. PATH is the one that the graph knows; of a tool bin/NAME, wherever
 * the tools are. */
#ifndef BITFAST_RECIPE_H
#define BITFAST_RECIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

struct recipe_input {
    const char *path, *sha256; /* sha256: 64 digits, then anything */
};

/* Zero-initialised it is empty; what it points to is its own. */
struct recipe {
    char *text;                 /* the bytes, and a zero byte */
    size_t size;                /* without it */
    char *parts;                /* a copy, cut into lines */
    const char *command;
    struct recipe_input *inputs;
    size_t count;
};

/* Refuses a text that is not exactly of that form. On failure the recipe is empty. */
int recipe_parse(struct recipe *recipe, const char *text, struct error *error);

/* Refuses a command or path with a line break. */
int recipe_make(struct recipe *recipe, const char *command, const struct recipe_input *inputs, size_t count,
                struct error *error);

void recipe_release(struct recipe *recipe);

bool recipe_equal(const struct recipe *a, const struct recipe *b);

/* The input of that path, or NULL. */
const struct recipe_input *recipe_find(const struct recipe *recipe, const char *path);

#endif
