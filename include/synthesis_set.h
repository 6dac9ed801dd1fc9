/* The built-in demo data set as files, in the layout of ESC-50 (github.com/karolpiczak/ESC-50):
 *
 *     DIRECTORY/meta/demo.csv   filename,fold,target,category,esc10,src_file,take: a row a clip
 *     DIRECTORY/audio/{fold}-{recording}-{take}-{target}.wav   mono, 16-bit PCM */
#ifndef BITFAST_SYNTHESIS_SET_H
#define BITFAST_SYNTHESIS_SET_H

#include "error.h"
#include "parallel.h"
#include "synthesis.h"

/* Makes the directory, which must not exist, under another name beside it and moves it into place when it is complete.
 * On failure nothing is left. */
int synthesis_set_write(const struct synthesis_set *set, const char *directory, struct parallel *parallel,
                        struct error *error);

#endif
