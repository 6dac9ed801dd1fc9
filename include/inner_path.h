/* Files within a directory that must not be left: a data set's files, named by a CSV or a manifest.
 *
 * Below the directory itself no symbolic link is followed, so that nothing outside it can be reached. */
#ifndef BITFAST_INNER_PATH_H
#define BITFAST_INNER_PATH_H

#include "error.h"

/* Refuses a name (of a file, a class, a clip) that is empty or holds a control character, such as a tab or a line
 * break: it could not stand in a row of text. `what` begins the message. */
int inner_path_check_name(const char *what, const char *name, struct error *error);

/* Refuses a path that is empty or absolute, holds control characters, or has a part that is empty, "." or "..". */
int inner_path_check(const char *path, struct error *error);

/* Opens the regular file root/path for reading and returns its descriptor, -1 on failure. Messages name root/path. */
int inner_path_open(const char *root, const char *path, struct error *error);

#endif
