#include "sound_name.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char digits[] = "0123456789";
static const char *const extensions[] = {"wav", "flac", "ogg",  "oga", "opus", "mp3", "aiff", "aif",
                                         "aifc", "au",  "snd", "w64", "caf",  "rf64"};

int sound_name_check_extension(const char *name, struct error *error)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof extensions / sizeof extensions[0]; i++)
        if (strcasecmp(dot + 1, extensions[i]) == 0)
            return 0;
    return error_set(error, "'%s' has the wrong extension, expected a sound file such as .wav, .flac, .ogg or .mp3",
                     name);
}

int sound_name_parse_esc(const char *name, struct sound_name_esc *esc)
{
    size_t fold_length = strspn(name, digits);
    if (fold_length == 0 || name[fold_length] != '-')
        return 0;
    esc->recording = fold_length + 1;
    esc->recording_length = strspn(name + esc->recording, digits);
    const char *take = name + esc->recording + esc->recording_length;
    if (esc->recording_length == 0 || take[0] != '-' || take[1] < 'A' || take[1] > 'Z' ||
        (take[2] != '.' && take[2] != '-'))
        return 0;
    long fold = strtol(name, NULL, 10);
    esc->fold = fold < INT_MAX ? (int)fold : INT_MAX;
    return 1;
}
