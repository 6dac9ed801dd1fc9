/* The store of what steps have made: by the recipe (recipe.h) the digest, by the digest the bytes.
 *
 *     STORE/steps/AB/ABCD...    ABCD... is the sha256 of the recipe: "output SHA256 SIZE", and the recipe behind it
 *     STORE/objects/AB/ABCD...  ABCD... is the sha256 of these bytes
 *     STORE/corrupt/ABCD...     objects that were found with other bytes than their name says
 *
 * Every file is whole or absent, so several makes, also in several clones, may share a store at any time. Nothing in it
 * is believed without being read: neither a record nor, when it is restored, an object. */
#ifndef BITFAST_STORE_H
#define BITFAST_STORE_H

#include <stdint.h>

#include "digest.h"
#include "error.h"
#include "part_file.h"
#include "recipe.h"

/* What was found. With STORE_DAMAGED the error says what is wrong with the store in one line. */
enum store_answer { STORE_HAS_NOT, STORE_HAS, STORE_DAMAGED };

/* Looks for the output of a recipe; of the object only the size is looked at. */
enum store_answer store_find(const char *store, const struct recipe *recipe, char sha256[DIGEST_TEXT_BYTES],
                             struct error *error);

/* Opens a part for `target` that holds the output of a recipe, if its bytes are there and have their digest: as a shared
 * copy of the file system (reflink), else as another name of the object if it has only one, else as a copy. With
 * STORE_HAS the caller commits and releases it. An object with other bytes is moved to STORE/corrupt. STORE_DAMAGED also
 * where `target` cannot be written. */
enum store_answer store_restore(const char *store, const struct recipe *recipe, const char *target,
                                struct part_file *part, char sha256[DIGEST_TEXT_BYTES], struct error *error);

/* Keeps the bytes of the open file, which have that digest, and which recipe made them. */
int store_put(const char *store, const struct recipe *recipe, int file, const char *sha256, struct error *error);

#endif
