#include <stdlib.h>
#include <unistd.h>

#include "command_line.h"
#include "data_set.h"
#include "digest.h"
#include "inner_path.h"
#include "manifest.h"
#include "parallel.h"

struct digests {
    const char *directory;
    struct manifest *manifest;
    struct error *errors; /* one a clip; an empty message means success */
};

static void digest_clip(void *context, size_t index, int thread)
{
    struct digests *digests = context;
    struct manifest_clip *clip = &digests->manifest->clips[index];
    struct error *error = &digests->errors[index];
    (void)thread;
    int file = inner_path_open(digests->directory, clip->path, error);
    if (file < 0)
        return;
    if (digest_file(file, clip->sha256, error) != 0)
        error_prefix(error, "%s/%s", digests->directory, clip->path);
    close(file);
}

static void add_digests(struct manifest *manifest, const char *directory, int threads)
{
    struct error error;
    struct digests digests = {.directory = directory, .manifest = manifest};
    digests.errors = allocate_or_die(manifest->count, sizeof *digests.errors);
    struct parallel *parallel = parallel_new(threads, &error);
    if (parallel == NULL)
        die_error(&error);
    parallel_for(parallel, manifest->count, digest_clip, &digests);
    for (size_t i = 0; i < manifest->count; i++)
        if (digests.errors[i].message[0] != '\0')
            die_error(&digests.errors[i]);
    parallel_free(parallel);
    free(digests.errors);
}

int main(int argc, char **argv)
{
    bool sha256 = false;
    int64_t folds = 5, threads = 0;
    const struct option options[] = {
        {"sha256", OPTION_FLAG, &sha256, 0, 0, NULL, "add the column sha256, of each sound file's bytes"},
        {"folds", OPTION_INTEGER, &folds, 1, MANIFEST_FOLD_MAX, NULL,
         "folds to deal the files of a class over, where neither a CSV nor their names say"},
        {"threads", OPTION_INTEGER, &threads, 0, PARALLEL_THREADS_MAX, NULL, "for --sha256; 0: one a processor"},
        {0},
    };
    const struct command command = {
        .name = "list-clips",
        .synopsis = "DIR",
        .purpose = "List the clips of a data set, checked, as a manifest.",
        .details = "Input:   DIR/meta/NAME.csv (columns filename, fold, target, category) and DIR/audio/, or\n"
                   "         DIR/CLASS/FILE, a folder a class.\n"
                   "Output:  a tab-separated table: key, path, fold, label, class; sorted by fold and key.\n"
                   "Example: list-clips ESC-50 | decode-audio --root=ESC-50 | log-mel > features.npy",
        .options = options,
        .operands_min = 1,
        .operands_max = 1,
    };
    struct error error;
    struct manifest manifest;
    const char *directory = argv[command_line_parse(&command, argc, argv)];
    if (data_set_list(&manifest, directory, (int)folds, &error) != 0)
        die_error(&error);
    if (sha256)
        add_digests(&manifest, directory, (int)threads);
    if (manifest_write(&manifest, sha256, stdout, &error) != 0)
        die_error(&error);
    manifest_release(&manifest);
    return close_output();
}
