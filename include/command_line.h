/* What every tool's main shares: options, --help, the last words on an error, the checked end of the output.
 *
 * The only module that prints and exits. Exit status: 0 done, 1 failed, 2 wrong usage. Messages go to standard error
 * as "tool: message", control characters as '?'. Options are written --name=value (a flag: --name) and stand before
 * the operands; a single '--' ends them. */
#ifndef BITFAST_COMMAND_LINE_H
#define BITFAST_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum option_type {
    OPTION_FLAG,    /* bool *        set to true when given */
    OPTION_INTEGER, /* int64_t *     within [minimum, maximum] */
    OPTION_REAL,    /* double *      within [minimum, maximum] */
    OPTION_TEXT,    /* const char ** points into argv */
    OPTION_CHOICE,  /* const char ** one of the words in `choices`, separated by '|' */
    OPTION_TEXTS    /* const char *[maximum + 1]: may be given up to `maximum` times; a null pointer ends the values */
};

struct option {
    const char *name;         /* without the dashes; a row without a name ends the table */
    enum option_type type;
    void *value;              /* holds the default before, the value given after */
    double minimum, maximum;  /* of OPTION_INTEGER and OPTION_REAL, both inclusive */
    const char *choices;      /* of OPTION_CHOICE; of OPTION_TEXT the word for the value in --help, such as FILE */
    const char *help;         /* one line: unit and meaning */
};

struct command {
    const char *name;           /* the tool's name */
    const char *synopsis;       /* what follows the name and the options: "FOLD..." */
    const char *purpose;        /* one line */
    const char *details;        /* input, output and an example; may be NULL */
    const struct option *options;
    int operands_min;
    int operands_max;           /* -1: any number */
};

/* Reads the options into their values; returns the index of the first operand in argv. --help prints and exits 0.
 * An unknown option (with the nearest name), a bad value or a wrong number of operands exits 2. Also opens standard
 * input, output and error on /dev/null if they are closed, so that no file can take their numbers, but the wrong way
 * round, so that reading or writing them fails. */
int command_line_parse(const struct command *command, int argc, char **argv);

/* What a failure exits with from here on, instead of 1; for comparisons, where 1 means "differ". */
void set_failure_status(int status);

/* Print "tool: message" and exit with the failure status. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_error(const struct error *error);

/* Prints "tool: message", where to find help, and exits 2. */
_Noreturn void die_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* malloc for tools: dies if there is no memory; size 0 is allowed. */
void *allocate_or_die(size_t count, size_t size);

/* Flushes standard output, and if it is a file brings it to the disk; dies if any byte did not arrive. The last call
 * of every tool. Returns 0, for `return close_output();`. */
int close_output(void);

#endif
