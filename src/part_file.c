#define _DEFAULT_SOURCE /* flock */
#include "part_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS = 100 };

static const char suffix[] = ".part";

/* The length of "FOLDER/", 0 if there is none. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

static int make_folders(const char *path, struct error *error)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return error_set(error, "no memory");
    int result = 0;
    for (char *slash = strchr(copy + 1, '/'); result == 0 && slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            result = error_set_errno(error, "%s: cannot be made", copy);
        *slash = '/';
    }
    free(copy);
    return result;
}

/* Whether nobody holds the file, which the lock then keeps so while it is open. -1 if it cannot be opened. */
static int open_unheld(int folder, const char *name)
{
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0) {
        int held = errno == EWOULDBLOCK;
        close(file);
        errno = held ? EWOULDBLOCK : EIO;
        return -1;
    }
    return file;
}

/* .NAME.NUMBER.part */
static bool is_part(const char *name)
{
    size_t length = strlen(name), end = length - sizeof suffix + 1, digits = 0;
    if (name[0] != '.' || length < sizeof suffix || strcmp(name + end, suffix) != 0)
        return false;
    while (digits < end && name[end - digits - 1] >= '0' && name[end - digits - 1] <= '9')
        digits++;
    return digits > 0 && digits + 2 < end && name[end - digits - 1] == '.';
}

void part_file_remove_stale(const char *target)
{
    size_t length = folder_length(target);
    char *folder = length > 0 ? strndup(target, length) : strdup(".");
    DIR *directory = folder != NULL ? opendir(folder) : NULL;
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        int file = is_part(entry->d_name) ? open_unheld(dirfd(directory), entry->d_name) : -1;
        if (file >= 0) {
            unlinkat(dirfd(directory), entry->d_name, 0);
            close(file);
        }
    }
    if (directory != NULL)
        closedir(directory);
    free(folder);
}

static int name_part(struct part_file *part, const char *target, struct error *error)
{
    size_t room = strlen(target) + 40;
    part->file = -1;
    part->target = strdup(target);
    part->path = malloc(room);
    if (part->target == NULL || part->path == NULL) {
        part_file_release(part);
        return error_set(error, "no memory");
    }
    int folder = (int)folder_length(target);
    snprintf(part->path, room, "%.*s.%s.%ld%s", folder, target, target + folder, (long)getpid(), suffix);
    return 0;
}

/* Another process may take the new file for a stale one, or remove a folder that is empty, before the lock is ours. */
static int create_locked(struct part_file *part, struct error *error)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        struct stat status;
        if (make_folders(part->path, error) != 0)
            return -1;
        int file = open(part->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 && flock(file, LOCK_EX) == 0 && fstat(file, &status) == 0 && status.st_nlink > 0) {
            part->file = file;
            return 0;
        }
        int number = errno;
        if (file >= 0)
            close(file);
        else if (number == EEXIST)
            unlink(part->path); /* of a process that had our number */
        else if (number != ENOENT)
            break;
        errno = number;
    }
    return error_set_errno(error, "%s: cannot be written", part->target);
}

int part_file_open(struct part_file *part, const char *target, struct error *error)
{
    if (name_part(part, target, error) != 0)
        return -1;
    part_file_remove_stale(target);
    if (create_locked(part, error) == 0)
        return 0;
    part_file_release(part);
    return -1;
}

int part_file_open_link(struct part_file *part, const char *target, const char *existing, int file,
                        struct error *error)
{
    struct stat open_one, linked;
    if (name_part(part, target, error) != 0)
        return -1;
    part_file_remove_stale(target);
    if (make_folders(target, error) != 0) {
        part_file_release(part);
        return -1;
    }
    unlink(part->path);
    if (flock(file, LOCK_EX | LOCK_NB) != 0 || linkat(AT_FDCWD, existing, AT_FDCWD, part->path, 0) != 0) {
        error_set_errno(error, "%s: cannot be linked", existing);
        part_file_release(part);
        return -1;
    }
    if (fstat(file, &open_one) == 0 && stat(part->path, &linked) == 0 && open_one.st_ino == linked.st_ino &&
        open_one.st_dev == linked.st_dev && linked.st_nlink == 2) {
        part->file = file;
        return 0;
    }
    unlink(part->path);
    part_file_release(part);
    flock(file, LOCK_UN);
    return error_set(error, "%s: has another name", existing);
}

int part_file_write(struct part_file *part, const void *bytes, size_t size, struct error *error)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t written = write(part->file, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written == 0 ? ENOSPC : errno;
            return error_set_errno(error, "%s: cannot be written", part->target);
        }
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

int part_file_commit(struct part_file *part, struct error *error)
{
    if (fdatasync(part->file) != 0 && errno != EINVAL) /* EINVAL: a file system that has no such thing */
        return error_set_errno(error, "%s: cannot be written", part->target);
    if (rename(part->path, part->target) != 0)
        return error_set_errno(error, "%s: cannot be moved into place", part->target);
    free(part->path);
    part->path = NULL;
    return 0;
}

void part_file_release(struct part_file *part)
{
    if (part->file >= 0 && part->path != NULL)
        unlink(part->path);
    if (part->file >= 0)
        close(part->file);
    free(part->path);
    free(part->target);
    *part = (struct part_file){.file = -1};
}

int part_file_save(const char *target, const void *bytes, size_t size, struct error *error)
{
    struct part_file part;
    if (part_file_open(&part, target, error) != 0)
        return -1;
    int result = part_file_write(&part, bytes, size, error);
    if (result == 0)
        result = part_file_commit(&part, error);
    part_file_release(&part);
    return result;
}

bool part_file_is_written(const char *path)
{
    bool held = false;
    DIR *directory = opendir(path);
    for (struct dirent *entry; !held && directory != NULL && (entry = readdir(directory)) != NULL;) {
        if (!is_part(entry->d_name))
            continue;
        int file = open_unheld(dirfd(directory), entry->d_name);
        held = file < 0 && errno == EWOULDBLOCK;
        if (file >= 0)
            close(file);
    }
    if (directory != NULL)
        closedir(directory);
    return held;
}
