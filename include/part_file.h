/* Files that are whole or absent: written as FOLDER/.NAME.PROCESS.part and moved into place.
 *
 * A part is locked (flock) as long as anyone lives who could still write it: its writer and all that inherited it. A part
 * that nobody holds was left behind by a kill; the next writer of a file in that folder removes it. */
#ifndef BITFAST_PART_FILE_H
#define BITFAST_PART_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

struct part_file {
    int file;     /* open for reading and writing, closed by exec; -1 if there is none */
    char *path;   /* the part's */
    char *target; /* the name it is to have */
};

/* Removes the parts in the folder of `target` that nobody holds: also those that others still held when their own target
 * was made again. */
void part_file_remove_stale(const char *target);

/* Makes the folders that are missing, and removes stale parts. On failure there is nothing to release. */
int part_file_open(struct part_file *part, const char *target, struct error *error);

/* A part that is another name of the open file `file`, which must be called `existing` and have no name beside it: two
 * targets must not share their time. The part takes the open file; on failure the caller keeps it. */
int part_file_open_link(struct part_file *part, const char *target, const char *existing, int file,
                        struct error *error);

/* All of the bytes, or an error. */
int part_file_write(struct part_file *part, const void *bytes, size_t size, struct error *error);

/* Brings the bytes to the disk and the part into place. The file stays open. */
int part_file_commit(struct part_file *part, struct error *error);

/* Removes the part if it was not moved into place. */
void part_file_release(struct part_file *part);

/* The four of them: a file that holds these bytes. */
int part_file_save(const char *target, const void *bytes, size_t size, struct error *error);

/* Whether somebody is writing a file in the directory. */
bool part_file_is_written(const char *directory);

#endif
