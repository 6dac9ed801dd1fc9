/* Names that the user gives to runs: results/.tags/NAME is a text file whose first line is the run, TRAINING/RUN, and
 * whose other lines, if any, are a note. A name is letters, digits, '.', '_' and '-', and begins with none of ". -".
 *
 * A file that is not so is an error that names it; nothing is skipped but names that begin with '.'. */
#ifndef BITFAST_RUN_TAGS_H
#define BITFAST_RUN_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

struct run_tag {
    char *name, *run;
    char *note;          /* without the last line end; "" if there is none */
};

/* Zero-initialised it is empty. */
struct run_tags {
    struct run_tag *tags; /* in the order of their runs, then of their names */
    size_t count, capacity;
};

/* Reads all tags of a results directory; none if it has none. */
int run_tags_read(struct run_tags *tags, const char *results, struct error *error);
void run_tags_release(struct run_tags *tags);

/* The tag of that name, or NULL. */
const struct run_tag *run_tags_find(const struct run_tags *tags, const char *name);

/* Sets *text to the names of the run's tags, separated by commas, or to NULL if it has none; the caller frees it. */
int run_tags_join(const struct run_tags *tags, const char *run, char **text, struct error *error);

/* Refuses what is no name of a tag, or no note: control characters but line ends. */
int run_tags_check_name(const char *name, struct error *error);
int run_tags_check_note(const char *note, struct error *error);

/* Writes the tag, whole or not at all, in the place of one of that name. note: "" for none. */
int run_tags_write(const char *results, const struct run_tag *tag, struct error *error);

/* Refuses a name that is no tag. */
int run_tags_remove(const char *results, const char *name, struct error *error);

#endif
