#define _DEFAULT_SOURCE /* flock */
#include "step_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "part_file.h"
#include "text_file.h"

static const char output_word[] = "output ";

/* FOLDER/.made/NAME for FOLDER/TARGET; NAME is TARGET's own if it is NULL. NULL if there is no memory. */
static char *place(const char *target, const char *name)
{
    const char *slash = strrchr(target, '/');
    size_t folder = slash != NULL ? (size_t)(slash - target) + 1 : 0;
    if (name == NULL)
        name = target + folder;
    char *path = malloc(folder + sizeof ".made/" + strlen(name));
    if (path == NULL)
        return NULL;
    memcpy(path, target, folder);
    strcpy(path + folder, ".made/");
    strcpy(path + folder + strlen(".made/"), name);
    return path;
}

static void stamp(const struct stat *status, char text[STEP_STAMP_BYTES])
{
    snprintf(text, STEP_STAMP_BYTES, "%lld %lld.%09ld %llu", (long long)status->st_size,
             (long long)status->st_mtim.tv_sec, status->st_mtim.tv_nsec, (unsigned long long)status->st_ino);
}

/* output SHA256 STAMP, and the recipe behind it. */
static bool parse(struct step_record *record, const char *text)
{
    struct error ignored;
    size_t length = sizeof output_word - 1;
    if (strncmp(text, output_word, length) != 0 || !digest_is_text(text + length))
        return false;
    text += length;
    const char *found = text + DIGEST_TEXT_BYTES, *end = strchr(text, '\n');
    if (text[DIGEST_TEXT_BYTES - 1] != ' ' || end == NULL || end < found || end - found >= STEP_STAMP_BYTES)
        return false;
    snprintf(record->sha256, sizeof record->sha256, "%s", text);
    snprintf(record->stamp, sizeof record->stamp, "%.*s", (int)(end - found), found);
    return recipe_parse(&record->recipe, end + 1, &ignored) == 0;
}

bool step_record_read(struct step_record *record, const char *target)
{
    struct error ignored;
    char *path = place(target, NULL), *text = NULL;
    size_t size;
    *record = (struct step_record){0};
    bool found = path != NULL && text_file_read(path, &text, &size, &ignored) == 0 && parse(record, text);
    free(text);
    free(path);
    return found;
}

void step_record_release(struct step_record *record)
{
    recipe_release(&record->recipe);
}

int step_record_write(const char *target, int file, const char *sha256, const struct recipe *recipe,
                      struct error *error)
{
    struct stat status;
    char found[STEP_STAMP_BYTES], *path = place(target, NULL);
    size_t room = recipe->size + sizeof output_word + DIGEST_TEXT_BYTES + STEP_STAMP_BYTES + 2;
    char *text = malloc(room);
    int result = -1;
    if (path == NULL || text == NULL)
        error_set(error, "no memory");
    else if (fstat(file, &status) != 0)
        error_set_errno(error, "%s: cannot be read", target);
    else
        result = 0;
    if (result == 0) {
        stamp(&status, found);
        int length = snprintf(text, room, "%s%.*s %s\n%s", output_word, DIGEST_TEXT_BYTES - 1, sha256, found,
                              recipe->text);
        result = part_file_save(path, text, (size_t)length, error);
    }
    free(text);
    free(path);
    return result;
}

/* Of the folder that holds the record; -1 where there are no locks. */
static int lock_folder(const char *target)
{
    char *path = place(target, "");
    int folder = -1;
    if (path != NULL) {
        mkdir(path, 0777);
        folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (folder >= 0)
        flock(folder, LOCK_EX);
    free(path);
    return folder;
}

int step_record_digest(const char *path, char sha256[DIGEST_TEXT_BYTES], struct error *error)
{
    struct step_record record;
    struct stat status;
    char found[STEP_STAMP_BYTES] = "";
    bool known = step_record_read(&record, path) && stat(path, &status) == 0;
    if (known)
        stamp(&status, found);
    known = known && strcmp(found, record.stamp) == 0;
    if (known)
        memcpy(sha256, record.sha256, DIGEST_TEXT_BYTES);
    step_record_release(&record);
    if (!known && digest_path(path, sha256, error) != 0)
        return error_prefix(error, "%s", path);
    return 0;
}

/* "bin/NAME" for BIN/NAME; NULL if it is another path. The caller frees it. */
static char *path_of_tool(const char *path, const char *bin)
{
    size_t length = strlen(bin), room = strlen(path) + sizeof "bin";
    if (length == 0 || strncmp(path, bin, length) != 0 || path[length] != '/')
        return NULL;
    char *name = malloc(room);
    if (name != NULL)
        snprintf(name, room, "bin%s", path + length);
    return name;
}

int step_record_recipe(struct recipe *recipe, const char *command, char *const *paths, size_t count, const char *bin,
                       struct error *error)
{
    struct recipe_input *inputs = calloc(count + 1, sizeof *inputs);
    char(*digests)[DIGEST_TEXT_BYTES] = calloc(count + 1, sizeof *digests);
    char **names = calloc(count + 1, sizeof *names);
    int result = 0;
    if (inputs == NULL || digests == NULL || names == NULL)
        result = error_set(error, "no memory");
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = step_record_digest(paths[i], digests[i], error);
        names[i] = path_of_tool(paths[i], bin);
        inputs[i] = (struct recipe_input){names[i] != NULL ? names[i] : paths[i], digests[i]};
    }
    if (result == 0)
        result = recipe_make(recipe, command, inputs, count, error);
    for (size_t i = 0; names != NULL && i < count; i++)
        free(names[i]);
    free(names);
    free(digests);
    free(inputs);
    return result;
}

/* Into the open record, in its place: a kill leaves no part behind beside a file that is done. A stamp only saves
 * reading the file; one that is cut short fits no file. */
static int stamp_again(int record_file, const struct step_record *record, const char *target, int file,
                       struct error *error)
{
    struct stat status;
    char found[STEP_STAMP_BYTES];
    size_t length = strlen(record->stamp);
    if (fstat(file, &status) != 0)
        return error_set_errno(error, "%s: cannot be read", target);
    stamp(&status, found);
    if (strlen(found) != length)
        return step_record_write(target, file, record->sha256, &record->recipe, error);
    if (pwrite(record_file, found, length, sizeof output_word + DIGEST_TEXT_BYTES - 1) != (ssize_t)length)
        return error_set_errno(error, "%s: its record cannot be written", target);
    return 0;
}

int step_record_touch(const char *target, const struct recipe *recipe, struct error *error)
{
    struct step_record record;
    char sha256[DIGEST_TEXT_BYTES], *path = place(target, NULL);
    int file = open(target, O_RDONLY | O_CLOEXEC), result = 0;
    int record_file = path != NULL ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    if (file >= 0 && record_file >= 0 && step_record_read(&record, target)) {
        if (recipe_equal(&record.recipe, recipe) && step_record_digest(target, sha256, error) == 0 &&
            strcmp(sha256, record.sha256) == 0)
            result = utimensat(AT_FDCWD, target, NULL, 0) == 0
                         ? 1 : error_set_errno(error, "%s: cannot be touched", target);
        if (result == 1 && stamp_again(record_file, &record, target, file, error) != 0)
            result = -1;
        step_record_release(&record);
    }
    if (file >= 0)
        close(file);
    if (record_file >= 0)
        close(record_file);
    free(path);
    return result;
}

/* --- Times --- */

static const char times_name[] = "times";

/* One write of one line, so that the lines of steps that run side by side do not mix. */
int step_record_add_time(const char *target, struct step_time time, struct error *error)
{
    const char *slash = strrchr(target, '/');
    char line[4096], *path = place(target, times_name);
    int length = snprintf(line, sizeof line, "%s\t%.3f\t%.0f\t%.0f\n", slash != NULL ? slash + 1 : target,
                          time.seconds, time.peak_memory, time.finished);
    int file = path != NULL ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
    int result = 0;
    errno = file >= 0 ? ENOSPC : errno; /* what a short write means */
    if (path == NULL || length >= (int)sizeof line)
        result = error_set(error, "%s: the name is too long", target);
    else if (file < 0 || write(file, line, (size_t)length) != length)
        result = error_set_errno(error, "%s: cannot be written", path);
    if (file >= 0)
        close(file);
    free(path);
    return result;
}

bool step_record_find_time(const char *target, struct step_time *time)
{
    struct error ignored;
    const char *slash = strrchr(target, '/'), *name = slash != NULL ? slash + 1 : target;
    char *path = place(target, times_name), *text = NULL, *rest = NULL;
    size_t size, length = strlen(name);
    bool found = false;
    if (path != NULL && text_file_read(path, &text, &size, &ignored) == 0)
        rest = text;
    for (char *line; rest != NULL && (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        struct step_time one = {0};
        if (strncmp(line, name, length) == 0 &&
            sscanf(line + length, "\t%lf\t%lf\t%lf", &one.seconds, &one.peak_memory, &one.finished) >= 1) {
            *time = one;
            found = true;
        }
    }
    free(text);
    free(path);
    return found;
}

/* The target was made by this recipe before, and had these bytes. */
static bool is_recorded(const char *target, const char *sha256, const struct recipe *recipe)
{
    struct step_record record;
    if (!step_record_read(&record, target))
        return false;
    bool same = recipe_equal(&record.recipe, recipe) && strcmp(record.sha256, sha256) == 0;
    step_record_release(&record);
    return same;
}

int step_record_commit(struct part_file *part, const char *sha256, const struct recipe *recipe, struct error *error)
{
    int lock = lock_folder(part->target), result = 0;
    bool is_there = is_recorded(part->target, sha256, recipe) && step_record_touch(part->target, recipe, error) == 1;
    if (!is_there)
        result = step_record_write(part->target, part->file, sha256, recipe, error);
    if (!is_there && result == 0)
        result = part_file_commit(part, error);
    if (lock >= 0)
        close(lock);
    return result;
}
