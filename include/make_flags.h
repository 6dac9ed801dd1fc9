/* What a step may use while make runs others beside it. */
#ifndef BITFAST_MAKE_FLAGS_H
#define BITFAST_MAKE_FLAGS_H

/* How many jobs make may run at a time, as its MAKEFLAGS say: 1 without -j, INT_MAX if -j has no number. */
int make_flags_jobs(const char *flags);

/* A step's share, at least 1, of the threads of all jobs together; `alike` is how many steps like it there are at most.
 * `threads` is a number, else all processors count (parallel.h). */
int make_flags_threads(const char *flags, const char *threads, int alike);

#endif
