/* Threads: one loop whose turns are shared out. The only module that starts threads.
 *
 * What a turn computes may depend on its index alone, never on the thread or on the order: that is how the number of
 * threads cannot change a byte. */
#ifndef BITFAST_PARALLEL_H
#define BITFAST_PARALLEL_H

#include <stddef.h>

#include "error.h"

enum { PARALLEL_THREADS_MAX = 1024 };

struct parallel; /* a team of threads, kept between loops */

/* The number of processors this process may run on, no more than its quota of their time (processor_quota.h), at least
 * 1. */
int parallel_processors(void);

/* Starts threads - 1 helpers (the caller is the first); threads = 0 means one a processor. NULL on failure, with the
 * error set. One thread uses one team; teams are not shared. */
struct parallel *parallel_new(int threads, struct error *error);
void parallel_free(struct parallel *parallel);
int parallel_threads(const struct parallel *parallel);

/* Calls turn(context, index, thread) once for each index in [0, count), in any order, on any thread (0 <= thread <
 * threads, for scratch memory), and returns when all are done. */
void parallel_for(struct parallel *parallel, size_t count, void (*turn)(void *context, size_t index, int thread),
                  void *context);

/* A stream of items that are read and written one after the other and worked on side by side. For index = 0, 1, ...:
 *   begin  by the caller's thread, in ascending order: 1, or 0 if there is no such item, which ends the stream, or -1
 *   turn   on any thread, any number at a time
 *   end    by the caller's thread, in ascending order, while later ones are at work: 0, or -1
 * After -1, the context knows why, nothing more is begun or ended. Returns 0, or -1 if that happened, when all turns are
 * over.
 * Between begin(index) and the end of end(index), index mod parallel_slots() is the item's own: for its memory. */
struct parallel_stream {
    int (*begin)(void *context, size_t index);
    void (*turn)(void *context, size_t index, int thread);
    int (*end)(void *context, size_t index);
    void *context;
};
size_t parallel_slots(const struct parallel *parallel);
int parallel_in_order(struct parallel *parallel, const struct parallel_stream *stream);

#endif
