#define _DEFAULT_SOURCE
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "number.h"
#include "part_file.h"
#include "text_file.h"

static const char instead[] = "the step runs instead";

/* STORE/KIND/AB/ABCD..., or STORE/KIND/ABCD... if flat; NULL without memory. The caller frees it. */
static char *place(const char *store, const char *kind, const char *sha256, bool flat)
{
    size_t room = strlen(store) + strlen(kind) + DIGEST_TEXT_BYTES + 8;
    char *path = malloc(room);
    if (path != NULL && flat)
        snprintf(path, room, "%s/%s/%s", store, kind, sha256);
    else if (path != NULL)
        snprintf(path, room, "%s/%s/%.2s/%s", store, kind, sha256, sha256);
    return path;
}

/* --- Records --- */

/* "output SHA256 SIZE", and exactly this recipe. */
static int parse(char *text, const struct recipe *recipe, char sha256[DIGEST_TEXT_BYTES], int64_t *size,
                 struct error *error)
{
    static const char word[] = "output ";
    char *digest = text + sizeof word - 1, *end = strchr(text, '\n');
    if (strncmp(text, word, sizeof word - 1) != 0 || !digest_is_text(digest) ||
        digest[DIGEST_TEXT_BYTES - 1] != ' ' || end == NULL)
        return error_set(error, "found no line 'output SHA256 SIZE'");
    *end = '\0';
    if (number_parse_integer(digest + DIGEST_TEXT_BYTES, 0, INT64_MAX, size, error) != 0)
        return -1;
    if (strcmp(end + 1, recipe->text) != 0)
        return error_set(error, "found another step's recipe");
    snprintf(sha256, DIGEST_TEXT_BYTES, "%s", digest);
    return 0;
}

static enum store_answer read_record(const char *path, const struct recipe *recipe, char sha256[DIGEST_TEXT_BYTES],
                                     int64_t *size, struct error *error)
{
    char *text = NULL;
    size_t length;
    int status = text_file_read(path, &text, &length, error);
    if (status == 0 && parse(text, recipe, sha256, size, error) != 0)
        status = error_prefix(error, "%s", path);
    free(text);
    if (status < 0) {
        struct error why = *error;
        error_set(error, "%s; %s", why.message, instead);
    }
    return status == 0 ? STORE_HAS : status == TEXT_FILE_MISSING ? STORE_HAS_NOT : STORE_DAMAGED;
}

static enum store_answer find_record(const char *store, const struct recipe *recipe, char sha256[DIGEST_TEXT_BYTES],
                                     int64_t *size, struct error *error)
{
    char name[DIGEST_TEXT_BYTES];
    if (digest_bytes(recipe->text, recipe->size, name, error) != 0)
        return STORE_DAMAGED;
    char *path = place(store, "steps", name, false);
    enum store_answer answer = STORE_DAMAGED;
    if (path == NULL)
        error_set(error, "no memory");
    else
        answer = read_record(path, recipe, sha256, size, error);
    free(path);
    return answer;
}

static int put_record(const char *store, const struct recipe *recipe, const char *sha256, int64_t size,
                      struct error *error)
{
    char name[DIGEST_TEXT_BYTES];
    if (digest_bytes(recipe->text, recipe->size, name, error) != 0)
        return -1;
    size_t room = recipe->size + DIGEST_TEXT_BYTES + 40;
    char *path = place(store, "steps", name, false), *text = malloc(room);
    int result = -1;
    if (path == NULL || text == NULL) {
        error_set(error, "no memory");
    } else {
        int length = snprintf(text, room, "output %s %lld\n%s", sha256, (long long)size, recipe->text);
        result = part_file_save(path, text, (size_t)length, error);
    }
    free(text);
    free(path);
    return result;
}

/* --- Objects --- */

/* Out of the way, for the user to look at. Returns STORE_DAMAGED. */
static enum store_answer move_aside(const char *store, const char *object, const char *sha256, const char *what,
                                    struct error *error)
{
    char *corrupt = place(store, "corrupt", sha256, true), *slash = corrupt != NULL ? strrchr(corrupt, '/') : NULL;
    bool moved = false;
    if (slash != NULL) {
        *slash = '\0';
        moved = mkdir(corrupt, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        moved = moved && rename(object, corrupt) == 0;
    }
    if (moved)
        error_set(error, "%s: %s; moved to %s/corrupt/, %s", object, what, store, instead);
    else
        error_set(error, "%s: %s; %s", object, what, instead);
    free(corrupt);
    return STORE_DAMAGED;
}

/* The open file's bytes are those that the object's name says. */
static enum store_answer check_bytes(const char *store, const char *object, const char *sha256, int file,
                                     struct error *error)
{
    char found[DIGEST_TEXT_BYTES], what[256];
    if (digest_file(file, found, error) != 0) {
        error_prefix(error, "%s", object);
        return STORE_DAMAGED;
    }
    if (strcmp(found, sha256) == 0)
        return STORE_HAS;
    snprintf(what, sizeof what, "found sha256 %s, expected %s", found, sha256);
    return move_aside(store, object, sha256, what, error);
}

static int copy_bytes(int from, struct part_file *to, struct error *error)
{
    char buffer[65536];
    ssize_t got;
    if (lseek(from, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot be read");
    while ((got = read(from, buffer, sizeof buffer)) > 0)
        if (part_file_write(to, buffer, (size_t)got, error) != 0)
            return -1;
    return got == 0 ? 0 : error_set_errno(error, "cannot be read");
}

/* Another name of the object has its time and owner, so it must be ours alone. */
static bool may_be_linked(const struct stat *object)
{
    return object->st_nlink == 1 && object->st_uid == geteuid() && (object->st_mode & S_IWUSR) != 0;
}

/* STORE_HAS_NOT: it cannot be linked. */
static enum store_answer restore_by_link(const char *object, int file, const char *target, struct part_file *part,
                                         struct error *error)
{
    int copy = fcntl(file, F_DUPFD_CLOEXEC, 0);
    if (copy >= 0 && part_file_open_link(part, target, object, copy, error) == 0) {
        if (futimens(part->file, NULL) == 0) /* not older than what it is made from */
            return STORE_HAS;
        part_file_release(part);
    } else if (copy >= 0) {
        close(copy);
    }
    return STORE_HAS_NOT;
}

/* STORE_HAS_NOT: the file system has no shared copies. */
static enum store_answer restore_by_copy(const char *store, const char *object, const char *sha256, int file,
                                         bool reflink, const char *target, struct part_file *part,
                                         struct error *error)
{
    enum store_answer answer = STORE_DAMAGED;
    if (part_file_open(part, target, error) != 0)
        return STORE_DAMAGED;
    if (reflink && ioctl(part->file, FICLONE, file) != 0)
        answer = STORE_HAS_NOT;
    else if (reflink || copy_bytes(file, part, error) == 0)
        answer = check_bytes(store, object, sha256, part->file, error);
    if (answer != STORE_HAS)
        part_file_release(part);
    return answer;
}

static enum store_answer restore_object(const char *store, const char *object, const char *sha256, int64_t size,
                                        int file, const char *target, struct part_file *part, struct error *error)
{
    struct stat status;
    char what[128];
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        return move_aside(store, object, sha256, "is no regular file", error);
    if (status.st_size != size) {
        snprintf(what, sizeof what, "found %lld bytes, expected %lld", (long long)status.st_size, (long long)size);
        return move_aside(store, object, sha256, what, error);
    }
    enum store_answer answer = restore_by_copy(store, object, sha256, file, true, target, part, error);
    if (answer == STORE_HAS_NOT && may_be_linked(&status)) {
        answer = check_bytes(store, object, sha256, file, error);
        if (answer == STORE_HAS)
            answer = restore_by_link(object, file, target, part, error);
    }
    if (answer == STORE_HAS_NOT)
        answer = restore_by_copy(store, object, sha256, file, false, target, part, error);
    return answer;
}

enum store_answer store_restore(const char *store, const struct recipe *recipe, const char *target,
                                struct part_file *part, char sha256[DIGEST_TEXT_BYTES], struct error *error)
{
    int64_t size;
    enum store_answer answer = find_record(store, recipe, sha256, &size, error);
    if (answer != STORE_HAS)
        return answer;
    char *object = place(store, "objects", sha256, false);
    int file = object != NULL ? open(object, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    if (file >= 0) {
        answer = restore_object(store, object, sha256, size, file, target, part, error);
        close(file);
        if (answer == STORE_HAS)
            part_file_remove_stale(object); /* of who was killed after it had put back an object that was missing */
    } else {
        answer = STORE_DAMAGED;
        error_set(error, "%s: cannot be opened: %s; %s", object != NULL ? object : store, strerror(errno), instead);
    }
    free(object);
    return answer;
}

enum store_answer store_find(const char *store, const struct recipe *recipe, char sha256[DIGEST_TEXT_BYTES],
                             struct error *error)
{
    int64_t size;
    struct stat status;
    enum store_answer answer = find_record(store, recipe, sha256, &size, error);
    if (answer != STORE_HAS)
        return answer;
    char *object = place(store, "objects", sha256, false);
    if (object == NULL || stat(object, &status) != 0 || status.st_size != size)
        answer = STORE_HAS_NOT;
    free(object);
    return answer;
}

/* As a shared copy, else as another name of the open file, else as a copy. */
static int put_object(const char *object, int file, struct error *error)
{
    struct part_file part;
    char self[64];
    if (part_file_open(&part, object, error) != 0)
        return -1;
    bool is_filled = ioctl(part.file, FICLONE, file) == 0;
    snprintf(self, sizeof self, "/proc/self/fd/%d", file);
    if (!is_filled &&
        (linkat(AT_FDCWD, self, AT_FDCWD, object, AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST)) {
        part_file_release(&part);
        return 0;
    }
    int result = is_filled ? 0 : copy_bytes(file, &part, error);
    if (result == 0)
        result = part_file_commit(&part, error);
    part_file_release(&part);
    return result;
}

int store_put(const char *store, const struct recipe *recipe, int file, const char *sha256, struct error *error)
{
    struct stat ours, found;
    char *object = place(store, "objects", sha256, false);
    if (object == NULL)
        return error_set(error, "no memory");
    int result = fstat(file, &ours) == 0 ? 0 : error_set_errno(error, "cannot be read");
    bool is_there = result == 0 && lstat(object, &found) == 0;
    if (is_there && (!S_ISREG(found.st_mode) || found.st_size != ours.st_size)) {
        move_aside(store, object, sha256, "is not what it was", error);
        is_there = false;
    }
    if (is_there)
        part_file_remove_stale(object); /* of who was killed after the object was there */
    else if (result == 0)
        result = put_object(object, file, error);
    free(object);
    return result == 0 ? put_record(store, recipe, sha256, ours.st_size, error) : -1;
}
