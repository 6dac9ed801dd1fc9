#define _GNU_SOURCE /* getdents64, DT_DIR */
#include "run_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "parallel.h"
#include "run_file.h"

enum { LISTING_BYTES = 32768, DEPTH_MAX = 16, PARALLEL_FROM = 32 };

static const char record_name[] = "run.tsv", parameters_name[] = "parameters.mk";

void run_id(const char *name, char id[RUN_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)name, strlen(name), hash);
    for (int i = 0; i < RUN_ID_BYTES - 1; i++)
        id[i] = digits[i % 2 == 0 ? hash[i / 2] >> 4 : hash[i / 2] & 15];
    id[RUN_ID_BYTES - 1] = '\0';
}

static void release_run(struct found_run *run)
{
    free(run->path);
    table_release(&run->table);
}

void run_scan_release(struct run_scan *scan)
{
    while (scan->count > 0)
        release_run(&scan->runs[--scan->count]);
    free(scan->runs);
    *scan = (struct run_scan){0};
}

/* Takes over the run. Most directories hold one run or two, so the first room is small. */
static int append(struct run_scan *scan, struct found_run *run, struct error *error)
{
    size_t capacity = scan->count < scan->capacity ? scan->capacity : scan->capacity * 2 + 2;
    struct found_run *grown = capacity > scan->capacity ? realloc(scan->runs, capacity * sizeof *grown) : scan->runs;
    if (grown == NULL) {
        release_run(run);
        return error_set(error, "no memory for %zu runs", scan->count + 1);
    }
    scan->runs = grown;
    scan->capacity = capacity;
    scan->runs[scan->count++] = *run;
    return 0;
}

/* --- Directories --- */

struct listing {
    bool has_parameters;
    char **names; /* of the directories in it, sorted */
    size_t count, capacity;
};

static void release_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->names[i]);
    free(listing->names);
}

static bool is_directory(int parent, const struct dirent64 *entry)
{
    struct stat status;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(parent, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

static int note_entry(struct listing *listing, int directory, const struct dirent64 *entry, struct error *error)
{
    const char *name = entry->d_name;
    if (name[0] == '.')
        return 0;
    listing->has_parameters |= strcmp(name, parameters_name) == 0;
    if (!is_directory(directory, entry))
        return 0;
    char **grown = array_reserve(listing->names, &listing->capacity, listing->count + 1, sizeof *grown);
    if (grown != NULL)
        listing->names = grown;
    if (grown == NULL || (grown[listing->count] = strdup(name)) == NULL)
        return error_set(error, "no memory for the name '%s'", name);
    listing->count++;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(struct listing *listing, int directory, const char *path, struct error *error)
{
    ssize_t got;
    _Alignas(struct dirent64) char buffer[LISTING_BYTES];
    int status = 0;
    *listing = (struct listing){0};
    while (status == 0 && (got = getdents64(directory, buffer, LISTING_BYTES)) != 0) {
        if (got < 0)
            status = error_set_errno(error, "cannot read '%s'", path);
        for (ssize_t at = 0; status == 0 && at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);
            status = note_entry(listing, directory, entry, error);
            at += entry->d_reclen;
        }
    }
    if (status != 0)
        release_listing(listing);
    else if (listing->count > 1)
        qsort(listing->names, listing->count, sizeof *listing->names, compare_names);
    return status;
}

/* --- Runs --- */

/* A directory that holds a run, or others: its path, and where in that the name begins by which `parent`, an open
 * directory, knows it. */
struct folder {
    int parent;
    const char *path;
    size_t relative;
    int depth;
};

/* Sets *file to -1 if there is no such file, which is no failure. */
static int open_in(const struct folder *folder, const char *name, char **path, int *file, struct error *error)
{
    *file = -1;
    *path = run_file_join(folder->path, name, error);
    if (*path == NULL)
        return -1;
    *file = openat(folder->parent, *path + folder->relative, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*file >= 0 || errno == ENOENT)
        return 0;
    error_set_errno(error, "cannot open '%s'", *path);
    free(*path);
    return -1;
}

static bool is_there(const struct folder *folder, const char *name)
{
    struct error ignored;
    char *path = run_file_join(folder->path, name, &ignored);
    bool there = path != NULL && faccessat(folder->parent, path + folder->relative, F_OK, 0) == 0;
    free(path);
    return there;
}

/* A record.json is believed; nobody could hash the outputs of thousands of runs for a table. */
static enum run_state find_state(const struct folder *folder, bool has_metrics)
{
    if (is_there(folder, "record.json"))
        return has_metrics ? RUN_DONE : RUN_CHANGED;
    return run_state_find(folder->path, false, NULL);
}

static int read_seconds(struct found_run *run, const struct folder *folder, struct error *error)
{
    int file;
    char *path;
    if (open_in(folder, "times.tsv", &path, &file, error) != 0)
        return -1;
    int status = file >= 0 ? run_file_parse_times(run->seconds, file, path, error) : 0;
    if (file >= 0)
        close(file);
    free(path);
    return status;
}

/* The run of which this is the open file; takes over its path, and closes it. */
static int add_run(struct run_scan *scan, const struct folder *folder, char *path, int file, bool has_metrics,
                   bool times, struct error *error)
{
    struct found_run run = {.path = path};
    int status = has_metrics ? run_file_parse_record(&run.table, file, true, path, error)
                             : run_file_parse_parameters(&run.table, file, path, error);
    close(file);
    if (status == 0 && times)
        status = read_seconds(&run, folder, error);
    if (status != 0) {
        release_run(&run);
        return status;
    }
    run.state = find_state(folder, has_metrics);
    return append(scan, &run, error);
}

/* --- Walking --- */

static int visit(struct run_scan *scan, const struct folder *folder, bool times, struct error *error);

static int visit_below(struct run_scan *scan, int directory, const struct folder *folder, const struct listing *listing,
                       size_t i, bool times, struct error *error)
{
    char *path = run_file_join(folder->path, listing->names[i], error);
    if (path == NULL)
        return -1;
    struct folder below = {directory, path, strlen(path) - strlen(listing->names[i]), folder->depth + 1};
    int status = below.depth <= DEPTH_MAX ? visit(scan, &below, times, error)
                                          : error_set(error, "%s: is more than %d directories down", path, DEPTH_MAX);
    free(path);
    return status;
}

struct walk {
    const struct folder *folder;
    const struct listing *listing;
    int directory;
    bool times;
    struct run_scan *scans; /* of each name in the listing, as are the next two */
    struct error *errors;
    bool *failed;
};

static void turn(void *context, size_t index, int thread)
{
    struct walk *all = context;
    (void)thread;
    all->failed[index] = visit_below(&all->scans[index], all->directory, all->folder, all->listing, index, all->times,
                                     &all->errors[index]) != 0;
}

/* Appends what the turns found, in order; of several failures the first counts. */
static int gather(struct run_scan *scan, struct walk *all, struct error *error)
{
    int status = 0;
    for (size_t i = 0; i < all->listing->count; i++) {
        struct run_scan *part = &all->scans[i];
        size_t moved = 0;
        if (status == 0 && all->failed[i]) {
            *error = all->errors[i];
            status = -1;
        }
        while (status == 0 && moved < part->count)
            status = append(scan, &part->runs[moved++], error);
        while (moved < part->count)
            release_run(&part->runs[moved++]);
        free(part->runs);
    }
    return status;
}

static int visit_all(struct run_scan *scan, int directory, const struct folder *folder, const struct listing *listing,
                     bool times, struct error *error)
{
    size_t count = listing->count;
    int status = -1;
    struct walk all = {folder, listing, directory, times, calloc(count + 1, sizeof *all.scans),
                       calloc(count + 1, sizeof *all.errors), calloc(count + 1, sizeof *all.failed)};
    struct parallel *parallel = parallel_new(count < PARALLEL_FROM ? 1 : 0, error);
    if (all.scans == NULL || all.errors == NULL || all.failed == NULL)
        error_set(error, "no memory for %zu directories", count);
    else if (parallel != NULL) {
        parallel_for(parallel, count, turn, &all);
        status = gather(scan, &all, error);
    }
    if (parallel != NULL)
        parallel_free(parallel);
    free(all.scans);
    free(all.errors);
    free(all.failed);
    return status;
}

/* What is in a directory without run.tsv. */
static int visit_others(struct run_scan *scan, const struct folder *folder, bool times, struct error *error)
{
    struct listing listing;
    char *path;
    int file, directory = openat(folder->parent, folder->path + folder->relative,
                                 O_RDONLY | O_DIRECTORY | O_CLOEXEC | (folder->depth > 0 ? O_NOFOLLOW : 0));
    if (directory < 0)
        return error_set_errno(error, "cannot read '%s'", folder->path);
    int status = list(&listing, directory, folder->path, error);
    if (status == 0) {
        if (listing.has_parameters)
            status = open_in(folder, parameters_name, &path, &file, error) != 0 ? -1
                     : file < 0 ? 0 /* gone since */
                                : add_run(scan, folder, path, file, false, times, error);
        else if (folder->depth == 0)
            status = visit_all(scan, directory, folder, &listing, times, error);
        else
            for (size_t i = 0; status == 0 && i < listing.count; i++)
                status = visit_below(scan, directory, folder, &listing, i, times, error);
        release_listing(&listing);
    }
    close(directory);
    return status;
}

static int visit(struct run_scan *scan, const struct folder *folder, bool times, struct error *error)
{
    int file;
    char *path;
    if (open_in(folder, record_name, &path, &file, error) != 0)
        return -1;
    if (file >= 0)
        return add_run(scan, folder, path, file, true, times, error);
    free(path);
    return visit_others(scan, folder, times, error);
}

/* The path is a run.tsv's own. */
static int add_file(struct run_scan *scan, int file, const char *path, bool times, struct error *error)
{
    const char *slash = strrchr(path, '/');
    struct found_run run = {.path = strdup(path)};
    char *folder_path = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    struct folder folder = {AT_FDCWD, folder_path, 0, 0};
    int status = folder_path == NULL || run.path == NULL
                     ? error_set(error, "no memory for a path")
                     : run_file_parse_record(&run.table, file, false, run.path, error);
    if (status == 0 && times)
        status = read_seconds(&run, &folder, error);
    if (status == 0)
        run.state = find_state(&folder, true);
    free(folder_path);
    if (status == 0)
        return append(scan, &run, error);
    release_run(&run);
    return status;
}

int run_scan_add(struct run_scan *scan, const char *path, bool times, struct error *error)
{
    size_t before = scan->count;
    struct stat kind;
    struct folder folder = {AT_FDCWD, path, 0, 0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &kind) != 0) {
        if (file >= 0)
            close(file);
        return error_set_errno(error, "cannot open '%s'", path);
    }
    int status = S_ISDIR(kind.st_mode) ? visit(scan, &folder, times, error)
                                       : add_file(scan, file, path, times, error);
    close(file);
    if (status == 0 && scan->count == before)
        return error_set(error, "%s: holds no run (a directory with a run.tsv)", path);
    return status;
}
