#define _GNU_SOURCE /* sched_getaffinity */
#include "parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "processor_quota.h"

enum {
    SLOTS_A_THREAD = 4,
    SPINS = 1000 /* some 20 microseconds: to sleep and be woken takes as long */
};

struct helper {
    struct parallel *team;
    int thread;
    pthread_t id;
};

struct parallel {
    pthread_mutex_t mutex; /* guards all below but helpers */
    pthread_cond_t start, done;
    void (*turn)(void *context, size_t index, int thread);
    void *context;
    size_t next, count;    /* the next index to hand out */
    int open;              /* count may still grow */
    unsigned char *ended;  /* SLOTS_A_THREAD * threads: the turn with that slot is over */
    _Atomic size_t loop;   /* how many loops were started; these three are also looked at without the mutex */
    atomic_int working;    /* helpers that have not finished this loop */
    atomic_int stopping;
    int spins;             /* none where there are more threads than processors */
    int threads;
    struct helper helpers[];
};

int parallel_processors(void)
{
    cpu_set_t set;
    int processors = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    int quota = processor_quota("");
    return quota > 0 && quota < processors ? quota : processors;
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Before a thread sleeps it looks a while whether that is worth it: a training step has a dozen short loops. */
static void spin_until_loop(struct parallel *parallel, size_t seen)
{
    for (int i = 0; i < parallel->spins && parallel->loop == seen && !parallel->stopping; i++)
        relax();
}

static void spin_until_done(struct parallel *parallel)
{
    for (int i = 0; i < parallel->spins && parallel->working > 0; i++)
        relax();
}

/* The mutex is held on entry and on return, here and below. */
static void take_turn(struct parallel *parallel, int thread)
{
    size_t index = parallel->next++;
    pthread_mutex_unlock(&parallel->mutex);
    parallel->turn(parallel->context, index, thread);
    pthread_mutex_lock(&parallel->mutex);
    parallel->ended[index % parallel_slots(parallel)] = 1;
}

/* Takes indices until none is left. */
static void take_turns(struct parallel *parallel, int thread)
{
    while (parallel->next < parallel->count)
        take_turn(parallel, thread);
}

/* The same while the count grows. */
static void take_turns_of_stream(struct parallel *parallel, int thread)
{
    while (parallel->open || parallel->next < parallel->count) {
        if (parallel->next < parallel->count) {
            take_turn(parallel, thread);
            pthread_cond_signal(&parallel->done);
        } else {
            pthread_cond_wait(&parallel->start, &parallel->mutex);
        }
    }
}

static void *help(void *argument)
{
    struct helper *helper = argument;
    struct parallel *parallel = helper->team;
    size_t seen = 0;
    for (;;) {
        spin_until_loop(parallel, seen);
        pthread_mutex_lock(&parallel->mutex);
        while (parallel->loop == seen && !parallel->stopping)
            pthread_cond_wait(&parallel->start, &parallel->mutex);
        if (parallel->stopping)
            break;
        seen = parallel->loop;
        take_turns_of_stream(parallel, helper->thread);
        if (--parallel->working == 0)
            pthread_cond_signal(&parallel->done);
        pthread_mutex_unlock(&parallel->mutex);
    }
    pthread_mutex_unlock(&parallel->mutex);
    return NULL;
}

struct parallel *parallel_new(int threads, struct error *error)
{
    if (threads == 0)
        threads = parallel_processors();
    struct parallel *parallel = calloc(1, sizeof *parallel + (size_t)threads * sizeof parallel->helpers[0]);
    unsigned char *ended = calloc((size_t)threads, SLOTS_A_THREAD);
    if (parallel == NULL || ended == NULL) {
        free(parallel);
        free(ended);
        error_set(error, "no memory for %d threads", threads);
        return NULL;
    }
    parallel->ended = ended;
    parallel->spins = threads <= parallel_processors() ? SPINS : 0;
    pthread_mutex_init(&parallel->mutex, NULL);
    pthread_cond_init(&parallel->start, NULL);
    pthread_cond_init(&parallel->done, NULL);
    for (parallel->threads = 1; parallel->threads < threads; parallel->threads++) {
        struct helper *helper = &parallel->helpers[parallel->threads];
        helper->team = parallel;
        helper->thread = parallel->threads;
        int status = pthread_create(&helper->id, NULL, help, helper);
        if (status != 0) {
            error_set(error, "cannot start thread %d of %d: %s", parallel->threads + 1, threads, strerror(status));
            parallel_free(parallel);
            return NULL;
        }
    }
    return parallel;
}

void parallel_free(struct parallel *parallel)
{
    if (parallel == NULL)
        return;
    pthread_mutex_lock(&parallel->mutex);
    parallel->stopping = 1;
    pthread_cond_broadcast(&parallel->start);
    pthread_mutex_unlock(&parallel->mutex);
    for (int thread = 1; thread < parallel->threads; thread++)
        pthread_join(parallel->helpers[thread].id, NULL);
    pthread_mutex_destroy(&parallel->mutex);
    pthread_cond_destroy(&parallel->start);
    pthread_cond_destroy(&parallel->done);
    free(parallel->ended);
    free(parallel);
}

int parallel_threads(const struct parallel *parallel)
{
    return parallel->threads;
}

size_t parallel_slots(const struct parallel *parallel)
{
    return SLOTS_A_THREAD * (size_t)parallel->threads;
}

static void start_loop(struct parallel *parallel, void (*turn)(void *context, size_t index, int thread), void *context,
                       size_t count, int open)
{
    pthread_mutex_lock(&parallel->mutex);
    parallel->turn = turn;
    parallel->context = context;
    parallel->next = 0;
    parallel->count = count;
    parallel->open = open;
    parallel->working = parallel->threads - 1;
    parallel->loop++;
    pthread_cond_broadcast(&parallel->start);
}

static void end_loop(struct parallel *parallel)
{
    while (parallel->working > 0)
        pthread_cond_wait(&parallel->done, &parallel->mutex);
    pthread_mutex_unlock(&parallel->mutex);
}

void parallel_for(struct parallel *parallel, size_t count, void (*turn)(void *context, size_t index, int thread),
                  void *context)
{
    start_loop(parallel, turn, context, count, 0);
    take_turns(parallel, 0);
    pthread_mutex_unlock(&parallel->mutex);
    spin_until_done(parallel);
    pthread_mutex_lock(&parallel->mutex);
    end_loop(parallel);
}

/* Writes what is ready; else reads, if there is a slot; else works; else waits. */
int parallel_in_order(struct parallel *parallel, const struct parallel_stream *stream)
{
    size_t slots = parallel_slots(parallel), written = 0;
    int status = 0;
    start_loop(parallel, stream->turn, stream->context, 0, 1);
    while (status == 0 && (parallel->open || written < parallel->count)) {
        if (written < parallel->count && parallel->ended[written % slots]) {
            pthread_mutex_unlock(&parallel->mutex);
            status = stream->end(stream->context, written++);
            pthread_mutex_lock(&parallel->mutex);
        } else if (parallel->open && parallel->count - written < slots) {
            pthread_mutex_unlock(&parallel->mutex);
            int more = stream->begin(stream->context, parallel->count);
            pthread_mutex_lock(&parallel->mutex);
            status = more < 0 ? -1 : 0;
            parallel->open = more > 0;
            parallel->ended[parallel->count % slots] = 0;
            parallel->count += more > 0 ? 1 : 0;
            pthread_cond_broadcast(&parallel->start);
        } else if (parallel->next < parallel->count) {
            take_turn(parallel, 0);
        } else {
            pthread_cond_wait(&parallel->done, &parallel->mutex);
        }
    }
    if (status != 0) { /* what was not taken yet is left */
        parallel->open = 0;
        parallel->next = parallel->count;
        pthread_cond_broadcast(&parallel->start);
    }
    end_loop(parallel);
    return status;
}
