#include "processor_quota.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

enum { PATH_BYTES = 8192 };

/* The first line of a file, without its end; 0 if there is none. */
static int read_line(const char *directory, const char *name, char line[64])
{
    char path[PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *stream = fopen(path, "r");
    int found = stream != NULL && fgets(line, 64, stream) != NULL;
    if (stream != NULL)
        fclose(stream);
    if (found)
        line[strcspn(line, "\n")] = '\0';
    return found;
}

static int divide(const char *quota, const char *period)
{
    int64_t dividend, divisor;
    struct error ignored;
    if (number_parse_integer(quota, 1, INT64_MAX / 2, &dividend, &ignored) != 0 || /* "max" and -1 among them */
        number_parse_integer(period, 1, INT64_MAX / 2, &divisor, &ignored) != 0)
        return 0;
    int64_t processors = (dividend + divisor - 1) / divisor;
    return processors < INT_MAX ? (int)processors : INT_MAX;
}

static int quota_of_group(const char *directory)
{
    char quota[64], period[64];
    if (read_line(directory, "cpu.max", quota)) {
        char *space = strchr(quota, ' ');
        if (space == NULL)
            return 0;
        *space = '\0';
        return divide(quota, space + 1);
    }
    return read_line(directory, "cpu.cfs_quota_us", quota) && read_line(directory, "cpu.cfs_period_us", period)
               ? divide(quota, period) : 0;
}

/* The smallest quota of the group and those above it, up to where the groups are mounted. */
static int quota_of_path(const char *mount, const char *group)
{
    char path[PATH_BYTES];
    int smallest = 0;
    if (snprintf(path, sizeof path, "%s%s", mount, group) >= (int)sizeof path)
        return 0;
    for (;;) {
        int quota = quota_of_group(path);
        if (quota > 0 && (smallest == 0 || quota < smallest))
            smallest = quota;
        if (strlen(path) <= strlen(mount))
            return smallest;
        *strrchr(path, '/') = '\0';
    }
}

/* Whether "cpu" is one of the controllers, which are separated by commas. */
static int has_cpu(const char *controllers)
{
    for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
        at += at[0] == ',';
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == ',' || at[3] == '\0'))
            return 1;
    }
    return 0;
}

int processor_quota(const char *root)
{
    char path[PATH_BYTES], *line = NULL;
    size_t capacity = 0;
    int quota = 0;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *stream = fopen(path, "r");
    while (stream != NULL && quota == 0 && getline(&line, &capacity, stream) > 0) { /* NUMBER:CONTROLLERS:PATH */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL || group[1] != '/')
            continue;
        *group++ = '\0';
        int version_2 = strncmp(line, "0:", 2) == 0;
        if (!version_2 && !has_cpu(controllers + 1))
            continue;
        snprintf(path, sizeof path, "%s/sys/fs/cgroup%s", root, version_2 ? "" : "/cpu");
        quota = quota_of_path(path, group);
    }
    free(line);
    if (stream != NULL)
        fclose(stream);
    return quota;
}
