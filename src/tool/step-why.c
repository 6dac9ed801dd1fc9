/* Says why make would run steps. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "command_line.h"
#include "step_why.h"

static const char details[] =
    "Reads what make would run: of each step its arguments, each ended by a zero byte, then one more zero byte. Says\n"
    "which would run, and why; which the store has; how many would only be touched. Nothing is made or touched.\n"
    "`make why TARGET=...` is how to use it.";

/* All of standard input. */
static char *read_all(size_t *size)
{
    size_t capacity = 0, got;
    char *text = NULL;
    *size = 0;
    do {
        char *larger = array_reserve(text, &capacity, *size + 65536, 1);
        if (larger == NULL)
            die("no memory");
        text = larger;
        got = fread(text + *size, 1, capacity - *size, stdin);
        *size += got;
    } while (got > 0);
    if (ferror(stdin))
        die("standard input: cannot be read");
    if (*size > 0 && (*size < 2 || text[*size - 1] != '\0' || text[*size - 2] != '\0'))
        die("standard input: ends within a step");
    return text;
}

/* Options as step has them, TARGET, COMMAND and the inputs. */
static struct step_plan read_plan(char **words, size_t count)
{
    struct step_plan plan = {0};
    size_t i = 0;
    for (; i < count && strncmp(words[i], "--", 2) == 0; i++) {
        if (strncmp(words[i], "--again=", 8) == 0)
            plan.again = words[i] + 8;
        plan.always = plan.always || strcmp(words[i], "--always") == 0;
        plan.no_store = plan.no_store || strcmp(words[i], "--no-store") == 0;
    }
    if (count < i + 2)
        die("standard input: a step has no target and command");
    plan.target = words[i];
    plan.command = words[i + 1];
    plan.inputs = words + i + 2;
    plan.count = count - i - 2;
    return plan;
}

/* The folder once for all files of it that come together. */
static const char *print_folder(const char *path)
{
    static char *last;
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    if (last == NULL || strlen(last) != length || strncmp(last, path, length) != 0) {
        free(last);
        last = allocate_or_die(length + 1, 1);
        memcpy(last, path, length);
        printf("%s\n", length > 0 ? last : "./");
    }
    return path + length;
}

static enum step_fate explain(struct step_why *why, const struct step_plan *plan)
{
    static const char *const words[] = {[STEP_RESTORED] = "restored", [STEP_RUNS] = "runs", [STEP_MAY_RUN] = "may run"};
    struct error error;
    enum step_fate fate;
    json_t *reasons = json_array();
    if (step_why_find(why, plan, &fate, reasons, &error) != 0)
        die_error(&error);
    if (fate != STEP_TOUCHED) {
        const char *name = print_folder(plan->target);
        printf("  %-9s %-22s", words[fate], name);
        for (size_t i = 0; i < json_array_size(reasons); i++)
            printf(i == 0 ? "  %s" : "; %s", json_string_value(json_array_get(reasons, i)));
        putchar('\n');
    }
    json_decref(reasons);
    return fate;
}

int main(int argc, char **argv)
{
    const char *bin = "bin", *store = "";
    const struct option options[] = {
        {"bin", OPTION_TEXT, &bin, 0, 0, "FOLDER", "where the tools are"},
        {"store", OPTION_TEXT, &store, 0, 0, "FOLDER", "what steps have made; empty: none"},
        {0}};
    const struct command command = {"step-why", "TARGET...", "Says why make would run steps.", details, options, 0, -1};
    struct step_why why;
    struct error error;
    size_t size, count = 0, capacity = 0, touched = 0, other = 0;
    int first = command_line_parse(&command, argc, argv);
    char *text = read_all(&size), **words = NULL;
    if (step_why_init(&why, bin, store, &error) != 0)
        die_error(&error);
    for (char *at = text; at < text + size; at += strlen(at) + 1) {
        if (*at != '\0') {
            words = array_reserve(words, &capacity, count + 1, sizeof *words);
            if (words == NULL)
                die("no memory");
            words[count++] = at;
            continue;
        }
        struct step_plan plan = read_plan(words, count);
        if (explain(&why, &plan) == STEP_TOUCHED)
            touched++;
        else
            other++;
        count = 0;
    }
    if (touched > 0)
        printf("touched   %zu file%s: tool, inputs and command have the same bytes\n", touched,
               touched == 1 ? "" : "s");
    for (; touched + other == 0 && first < argc; first++)
        printf("%s is up to date\n", argv[first]);
    step_why_release(&why);
    free(words);
    free(text);
    return close_output();
}
