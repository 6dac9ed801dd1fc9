/* What went wrong, in one line: made by a module, printed by a tool.
 *
 * Every function of this project that can fail returns 0 for success and -1 for failure, and on failure has filled the
 * caller's `struct error`. A message is lower case, says what is wrong first, then where (file, row, key), then what
 * was expected; no full stop, no line break. */
#ifndef BITFAST_ERROR_H
#define BITFAST_ERROR_H

enum { ERROR_MESSAGE_BYTES = 1024 };

struct error {
    char message[ERROR_MESSAGE_BYTES];
};

/* Sets the message; a longer one is cut. Returns -1, so that a function can end with `return error_set(...)`. */
int error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, followed by ": " and the text of errno. */
int error_set_errno(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "WHERE: " in front of the message that is there. Returns -1. */
int error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
