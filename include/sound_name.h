/* What the name of a sound file tells. */
#ifndef BITFAST_SOUND_NAME_H
#define BITFAST_SOUND_NAME_H

#include <stddef.h>

#include "error.h"

/* Refuses a name whose extension (in any case) is not one of a format that libsndfile reads. */
int sound_name_check_extension(const char *name, struct error *error);

/* ESC's naming, FOLD-RECORDING-TAKE followed by '.' or '-': the first two are digits, the take is a capital letter.
 * Returns 1 and the fold (at most INT_MAX) and where the recording stands in the name; 0 if it is named otherwise. */
struct sound_name_esc {
    int fold;
    size_t recording, recording_length;
};
int sound_name_parse_esc(const char *name, struct sound_name_esc *esc);

#endif
