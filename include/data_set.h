/* A data set on disk: which clips it has, checked, as a manifest.
 *
 * Two layouts. DIR/meta/ or DIR/audio/ is there: that of ESC-50 (github.com/karolpiczak/ESC-50), one DIR/meta/NAME.csv
 * and the sound files in DIR/audio/. Otherwise DIR/CLASS/FILE, a folder a class.
 *
 * CSV. Columns filename, fold, target and category, in any order; src_file, the recording a clip was cut from, is used
 * if it is there. Labels (target) are 0, 1, ... without a gap, each with one category. The key is the filename.
 *
 * Class folders. The label is the folder's place in their sorted names; the class is its name without a leading
 * "NNN - ". The key is FOLDER/FILE. Hidden files, and files beside the folders, are no part of the data set. If all
 * files are named as ESC names them, FOLD-RECORDING-TAKE as in 1-100032-A.ogg or 1-100032-A-0.wav, the names give
 * the folds; if none is, the files of each class are dealt in turn, in the order of their names, over `folds` folds.
 *
 * In both, a recording may be in one fold only, and a name that gives a fold must not contradict the CSV. Clips come
 * sorted by fold, then by key (byte order): the order of rows and of the file system cannot change the manifest. */
#ifndef BITFAST_DATA_SET_H
#define BITFAST_DATA_SET_H

#include "error.h"
#include "manifest.h"

/* Lists the data set; every file is there when this succeeds. On failure *manifest is empty. */
int data_set_list(struct manifest *manifest, const char *directory, int folds, struct error *error);

#endif
