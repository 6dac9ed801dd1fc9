#include "inner_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int inner_path_check_name(const char *what, const char *name, struct error *error)
{
    if (name[0] == '\0')
        return error_set(error, "%s is empty", what);
    for (size_t i = 0; name[i] != '\0'; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return error_set(error, "%s holds the control character 0x%02x after '%.*s'", what, (unsigned)name[i],
                             (int)i, name);
    return 0;
}

int inner_path_check(const char *path, struct error *error)
{
    if (inner_path_check_name("the path", path, error) != 0)
        return -1;
    if (path[0] == '/')
        return error_set(error, "the path '%s' is absolute, expected one within the data set", path);
    for (const char *at = path;; at++) {
        size_t length = strcspn(at, "/");
        if (length == 0 || strncmp(at, ".", length) == 0 || (length == 2 && strncmp(at, "..", 2) == 0))
            return error_set(error, "the path '%s' has an empty part, '.' or '..', expected one within the data set",
                             path);
        at += length;
        if (*at == '\0')
            return 0;
    }
}

/* Opens one part of a path; directory says what it must be. */
static int open_part(int at, const char *part, size_t length, int directory, struct error *error)
{
    char name[256];
    struct stat status;
    if (length >= sizeof name) {
        errno = ENAMETOOLONG;
        return error_set_errno(error, "cannot open");
    }
    memcpy(name, part, length);
    name[length] = '\0';
    if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(error, "cannot open");
    if (directory ? !S_ISDIR(status.st_mode) : !S_ISREG(status.st_mode))
        return error_set(error, "%s, expected a %s",
                         S_ISLNK(status.st_mode) ? "is a symbolic link" :
                         S_ISDIR(status.st_mode) ? "is a directory" :
                         S_ISREG(status.st_mode) ? "is a regular file" : "is a device, pipe or socket",
                         directory ? "directory" : "regular file");
    int file = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return file >= 0 ? file : error_set_errno(error, "cannot open");
}

int inner_path_open(const char *root, const char *path, struct error *error)
{
    if (inner_path_check(path, error) != 0)
        return error_prefix(error, "%s", root);
    int at = open(root, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (at < 0)
        return error_set_errno(error, "cannot open '%s'", root);
    for (const char *part = path;;) {
        size_t length = strcspn(part, "/");
        int next = open_part(at, part, length, part[length] == '/', error);
        close(at);
        if (next < 0)
            return error_prefix(error, "%s/%.*s", root, (int)(part + length - path), path);
        if (part[length] == '\0')
            return next;
        at = next;
        part += length + 1;
    }
}
