/* What the graph knows of a file that it made: FOLDER/.made/NAME beside FOLDER/NAME.
 *     output SHA256 SIZE MTIME INODE
 *     command COMMAND                       and so on: the recipe (recipe.h)
 * While the file's size, time and inode are the recorded ones, its digest need not be computed again. A record that is
 * damaged is as good as none. FOLDER/.made/times has a line for each time that a file was made, the last one counts:
 * NAME, seconds, the largest memory of a process in KiB, the end as seconds since 1970; separated by tabs. */
#ifndef BITFAST_STEP_RECORD_H
#define BITFAST_STEP_RECORD_H

#include <stdbool.h>

#include "digest.h"
#include "error.h"
#include "part_file.h"
#include "recipe.h"

enum { STEP_STAMP_BYTES = 80 };

struct step_record {
    char sha256[DIGEST_TEXT_BYTES];
    char stamp[STEP_STAMP_BYTES]; /* "SIZE MTIME INODE" */
    struct recipe recipe;
};

/* False if there is no record, or one that cannot be believed. */
bool step_record_read(struct step_record *record, const char *target);
void step_record_release(struct step_record *record);

/* Of the open file, which has that digest and is, or is about to be moved into, the place `target`: with the record
 * first, a file that is in place has one. */
int step_record_write(const char *target, int file, const char *sha256, const struct recipe *recipe,
                      struct error *error);

/* Moves the record and then the part into place - a target that is there already, made by this recipe of these bytes, is
 * only touched, and the part left to be released -, while no other step does so in this folder: two that make the same
 * file in other ways do not mix them. */
int step_record_commit(struct part_file *part, const char *sha256, const struct recipe *recipe, struct error *error);

/* The digest of any file: from its record if there is one that matches, else of its bytes. The message names it. */
int step_record_digest(const char *path, char sha256[DIGEST_TEXT_BYTES], struct error *error);

/* The recipe of a command and of the files as they are now; a path bin/NAME stands for one in the folder `bin`. */
int step_record_recipe(struct recipe *recipe, const char *command, char *const *paths, size_t count, const char *bin,
                       struct error *error);

/* If the file is what this recipe made, gives it the present time: 1. Else 0. */
int step_record_touch(const char *target, const struct recipe *recipe, struct error *error);

struct step_time {
    double seconds, peak_memory; /* KiB; 0: not known */
    double finished;             /* seconds since 1970; 0: not known */
};
int step_record_add_time(const char *target, struct step_time time, struct error *error);

/* False if the file's making was not recorded, as when it was restored. */
bool step_record_find_time(const char *target, struct step_time *time);

#endif
