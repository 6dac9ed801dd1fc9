#include "text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"

enum { SIZE_LIMIT = 1 << 24 };

static int read_stream(FILE *stream, char **text, size_t *size, struct error *error)
{
    size_t capacity = 0, got = 0;
    *text = NULL;
    do {
        char *larger = array_reserve(*text, &capacity, *size + 4096, 1);
        if (larger == NULL)
            return error_set(error, "no memory");
        *text = larger;
        got = fread(*text + *size, 1, capacity - *size - 1, stream);
        *size += got;
    } while (got > 0 && *size <= SIZE_LIMIT);
    (*text)[*size] = '\0';
    if (ferror(stream))
        return error_set_errno(error, "cannot be read");
    if (*size > SIZE_LIMIT || strlen(*text) != *size)
        return error_set(error, "is not a text of at most %d bytes", SIZE_LIMIT);
    return 0;
}

int text_file_read(const char *path, char **text, size_t *size, struct error *error)
{
    *text = NULL;
    *size = 0;
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL) {
        int missing = errno == ENOENT || errno == ENOTDIR;
        error_set_errno(error, "%s: cannot be opened", path);
        return missing ? TEXT_FILE_MISSING : -1;
    }
    int result = read_stream(stream, text, size, error);
    fclose(stream);
    if (result == 0)
        return 0;
    free(*text);
    *text = NULL;
    return error_prefix(error, "%s", path);
}
