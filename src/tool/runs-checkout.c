#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command_line.h"
#include "digest.h"
#include "part_file.h"
#include "run_file.h"
#include "run_name.h"
#include "run_provenance.h"
#include "table.h"

static const char details[] =
    "Copies the run's model, the checkpoint of its last epoch, to FILE, or into FILE if that is a directory, and\n"
    "prints its path and sha256. If the run's record has another sha256 for it, nothing is copied. RUN is named as for\n"
    "runs show.\n"
    "\n"
    "example: runs checkout baseline model.safetensors";

/* The last epoch that the log has. */
static char *model_of_log(const struct run_place *place)
{
    struct error error;
    struct table log;
    size_t column;
    int64_t epoch;
    char name[64], *path = run_file_join(place->directory, "log.csv", &error), *training, *model;
    if (path == NULL || table_read_file(&log, path, ',', &error) != 0 ||
        table_find_column(&log, "epoch", &column, &error) != 0)
        die_error(&error);
    if (log.rows == 0)
        die("%s: holds no epoch", path);
    if (table_integer(&log, log.rows - 1, column, 0, INT32_MAX, &epoch, &error) != 0)
        die_error(&error);
    snprintf(name, sizeof name, "epoch-%03d.safetensors", (int)epoch);
    training = run_file_join(place->directory, "..", &error);
    model = training != NULL ? run_file_join(training, name, &error) : NULL;
    if (model == NULL)
        die_error(&error);
    free(training);
    free(path);
    table_release(&log);
    return model;
}

/* sha256: what the record says, 64 digits, or "". */
static char *find_model(const struct run_place *place, char sha256[DIGEST_TEXT_BYTES])
{
    struct error error;
    struct run_provenance provenance;
    const char *path, *digest;
    if (run_provenance_read(&provenance, place->directory, &error) != 0)
        die_error(&error);
    run_provenance_model(&provenance, &path, &digest);
    snprintf(sha256, DIGEST_TEXT_BYTES, "%s", digest != NULL ? digest : "");
    char *model = path != NULL ? run_provenance_locate(place->results, path, &error) : model_of_log(place);
    if (model == NULL)
        die_error(&error);
    run_provenance_release(&provenance);
    return model;
}

/* The part goes with the tool that dies. */
_Noreturn static void fail(struct part_file *part, const struct error *error)
{
    part_file_release(part);
    die_error(error);
}

static void copy(struct part_file *part, int model, const char *model_path)
{
    static char buffer[1 << 16];
    struct error error;
    ssize_t got;
    while ((got = read(model, buffer, sizeof buffer)) > 0)
        if (part_file_write(part, buffer, (size_t)got, &error) != 0)
            fail(part, &error);
    if (got < 0) {
        error_set_errno(&error, "%s: cannot be read", model_path);
        fail(part, &error);
    }
}

/* The digest is that of the bytes that were written. A link, unlike a move, never takes the place of a file. */
static void check_out(const char *model_path, const char *target, const char *recorded, bool force)
{
    char sha256[DIGEST_TEXT_BYTES];
    struct error error;
    struct part_file part;
    int model = open(model_path, O_RDONLY | O_CLOEXEC);
    if (model < 0)
        die("cannot open the model '%s': %s; make local_train with PARAMS=, the run's parameters.mk, makes it again",
            model_path, strerror(errno));
    if (!force && access(target, F_OK) == 0)
        die("'%s' is there already; --force (make: FORCE=yes) replaces it", target);
    if (part_file_open(&part, target, &error) != 0)
        die_error(&error);
    copy(&part, model, model_path);
    if (digest_file(part.file, sha256, &error) != 0)
        fail(&part, &error);
    if (recorded[0] != '\0' && strcmp(recorded, sha256) != 0) {
        error_set(&error, "%s: has the sha256 %s, but the run's record %s", model_path, sha256, recorded);
        fail(&part, &error);
    }
    if (force && part_file_commit(&part, &error) != 0)
        fail(&part, &error);
    if (!force && (fsync(part.file) != 0 || link(part.path, target) != 0)) {
        error_set_errno(&error, "cannot write '%s'", target);
        fail(&part, &error);
    }
    part_file_release(&part);
    printf("%s  sha256 %s%s\n", target, sha256, recorded[0] != '\0' ? "" : "  (no record to compare with)");
    close(model);
}

int main(int argc, char **argv)
{
    const char *results = "results";
    bool force = false;
    const struct option options[] = {
        {"force", OPTION_FLAG, &force, 0, 0, NULL, "replace a file that is there"},
        {"results", OPTION_TEXT, &results, 0, 0, "DIRECTORY", "where runs and tags are looked for"},
        {0}};
    const struct command command = {"runs-checkout", "RUN FILE", "Puts a run's model where you say.", details, options,
                                    2, 2};
    struct run_place place;
    struct error error;
    struct stat kind;
    char sha256[DIGEST_TEXT_BYTES];
    int at = command_line_parse(&command, argc, argv);
    bool into = stat(argv[at + 1], &kind) == 0 && S_ISDIR(kind.st_mode);
    size_t length = strlen(argv[at + 1]);
    if (length == 0 || (!into && argv[at + 1][length - 1] == '/'))
        die_usage("'%s' is neither a file's name nor a directory that is there", argv[at + 1]);
    if (run_place_find(&place, results, argv[at], &error) != 0)
        die_error(&error);
    char *model = find_model(&place, sha256), *target = NULL;
    target = run_file_join(into ? argv[at + 1] : "", into ? strrchr(model, '/') + 1 : argv[at + 1], &error);
    if (target == NULL)
        die_error(&error);
    check_out(model, target, sha256, force);
    free(model);
    free(target);
    run_place_release(&place);
    return close_output();
}
