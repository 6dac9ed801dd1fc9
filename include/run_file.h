/* What the table of runs reads in a run's directory. Each file is opened once, relative to an open directory. */
#ifndef BITFAST_RUN_FILE_H
#define BITFAST_RUN_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "table.h"

enum { RUN_SECONDS_BYTES = 32 };

/* `directory/name`, with no second '/'; the caller frees it. NULL if there is no memory, with the error set. */
char *run_file_join(const char *directory, const char *name, struct error *error);

/* The rest of an open file, and a zero byte that *length does not count; the caller frees it. NULL on failure. regular:
 * a read of less than was asked for is the end, as it is of a file but not of a pipe. `path` stands in messages. */
char *run_file_read(int file, bool regular, const char *path, size_t *length, struct error *error);

/* A run.tsv: a table of one row. `path` must outlive it. */
int run_file_parse_record(struct table *record, int file, bool regular, const char *path, struct error *error);

/* parameters.mk, as the table that run.tsv will be, as far as it is known: the run, named TRAINING/RUN after the file's
 * `path`, and the parameters; a set of folds is 1+2+3 there. */
int run_file_parse_parameters(struct table *record, int file, const char *path, struct error *error);

/* The sum over the column `seconds` of times.tsv. */
int run_file_parse_times(char seconds[RUN_SECONDS_BYTES], int file, const char *path, struct error *error);

#endif
