#include "data_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "csv_file.h"
#include "inner_path.h"
#include "number.h"
#include "same_text.h"
#include "sound_name.h"

enum { PATH_BYTES_MAX = 4096 };

/* --- Directories --- */

/* The entries of a directory without the hidden ones, sorted by name. */
struct listing {
    struct dirent **entries;
    int count;
};

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int listing_read(struct listing *listing, const char *path, struct error *error)
{
    listing->count = scandir(path, &listing->entries, is_visible, by_name);
    return listing->count >= 0 ? 0 : error_set_errno(error, "cannot list the directory '%s'", path);
}

static void listing_release(struct listing *listing)
{
    for (int i = 0; i < listing->count; i++)
        free(listing->entries[i]);
    free(listing->entries);
}

static int join(char path[PATH_BYTES_MAX], const char *directory, const char *name, struct error *error)
{
    if (snprintf(path, PATH_BYTES_MAX, "%s/%s", directory, name) >= PATH_BYTES_MAX)
        return error_set(error, "the path '%.100s...' is longer than %d bytes", directory, PATH_BYTES_MAX - 1);
    return 0;
}

/* What directory/name is, links not followed: 'd' a directory, 'f' a regular file, 'o' anything else, 0 nothing. */
static int kind_of(const char *directory, const char *name)
{
    char path[PATH_BYTES_MAX];
    struct error ignored;
    struct stat status;
    if (join(path, directory, name, &ignored) != 0 || lstat(path, &status) != 0)
        return 0;
    return S_ISDIR(status.st_mode) ? 'd' : S_ISREG(status.st_mode) ? 'f' : 'o';
}

static int check_file(const char *directory, const char *path, struct error *error)
{
    int file = inner_path_open(directory, path, error);
    if (file < 0)
        return -1;
    close(file);
    return 0;
}

/* --- Recordings: recordings[i] is what clip i was cut from, or empty where that is not known. --- */

static int check_recordings(const struct manifest *manifest, char *const *recordings, struct error *error)
{
    struct same_text *sorted = calloc(manifest->count + 1, sizeof *sorted);
    size_t count = 0;
    int result = 0;
    if (sorted == NULL)
        return error_set(error, "no memory for %zu clips", manifest->count);
    for (size_t i = 0; i < manifest->count; i++)
        if (recordings[i][0] != '\0')
            sorted[count++] = (struct same_text){recordings[i], i};
    same_text_sort(sorted, count);
    for (size_t i = 1; i < count && result == 0; i++) {
        const struct manifest_clip *a = &manifest->clips[sorted[i - 1].row], *b = &manifest->clips[sorted[i].row];
        if (strcmp(sorted[i - 1].text, sorted[i].text) == 0 && a->fold != b->fold)
            result = error_set(error,
                               "the recording '%s' is in fold %d ('%s') and in fold %d ('%s'), expected one fold",
                               sorted[i].text, a->fold, a->key, b->fold, b->key);
    }
    free(sorted);
    return result;
}

/* The file name at the end of a path. */
static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The recording of each clip, by ESC's naming or, if `csv` has the column, by src_file. */
static int check_folds(const struct manifest *manifest, const struct csv_file *csv, struct error *error)
{
    int column = csv != NULL ? csv_file_column(csv, "src_file") : -1, result = 0;
    char **recordings = calloc(manifest->count + 1, sizeof *recordings);
    for (size_t i = 0; recordings != NULL && result == 0 && i < manifest->count; i++) {
        const char *name = last_part(manifest->clips[i].path);
        struct sound_name_esc esc;
        if (column >= 0)
            recordings[i] = strdup(csv_file_field(csv, i, column));
        else if (sound_name_parse_esc(name, &esc))
            recordings[i] = strndup(name + esc.recording, esc.recording_length);
        else
            recordings[i] = strdup("");
        if (recordings[i] == NULL)
            result = error_set(error, "no memory for %zu clips", manifest->count);
    }
    if (recordings == NULL)
        return error_set(error, "no memory for %zu clips", manifest->count);
    if (result == 0)
        result = check_recordings(manifest, recordings, error);
    for (size_t i = 0; i < manifest->count; i++)
        free(recordings[i]);
    free(recordings);
    return result;
}

/* --- The layout of ESC-50 --- */

enum column { COLUMN_FILENAME, COLUMN_FOLD, COLUMN_TARGET, COLUMN_CATEGORY, COLUMN_COUNT };
static const char *const column_names[COLUMN_COUNT] = {"filename", "fold", "target", "category"};

static int add_row(struct manifest *manifest, const struct csv_file *csv, size_t row, const int columns[COLUMN_COUNT],
                   struct error *error)
{
    const char *name = csv_file_field(csv, row, columns[COLUMN_FILENAME]);
    char path[PATH_BYTES_MAX];
    int64_t fold, label;
    struct sound_name_esc esc;
    if (inner_path_check_name("filename", name, error) != 0)
        return -1;
    if (strchr(name, '/') != NULL || strcmp(name, "..") == 0)
        return error_set(error, "filename: '%s' is not the name of a file in audio/", name);
    if (sound_name_check_extension(name, error) != 0 || join(path, "audio", name, error) != 0)
        return error_prefix(error, "filename");
    if (number_parse_integer(csv_file_field(csv, row, columns[COLUMN_FOLD]), 1, MANIFEST_FOLD_MAX, &fold, error) != 0)
        return error_prefix(error, "fold");
    int64_t label_max = csv->rows <= MANIFEST_LABEL_MAX ? (int64_t)csv->rows - 1 : MANIFEST_LABEL_MAX;
    if (number_parse_integer(csv_file_field(csv, row, columns[COLUMN_TARGET]), 0, label_max, &label, error) != 0)
        return error_prefix(error, "target");
    if (sound_name_parse_esc(name, &esc) && esc.fold != fold)
        return error_set(error, "fold: is %" PRId64 ", but the name '%s' says fold %d", fold, name, esc.fold);
    const char *category = csv_file_field(csv, row, columns[COLUMN_CATEGORY]);
    return manifest_add(manifest, name, path, (int)fold, (int)label, category, error) != NULL ? 0 : -1;
}

/* first[label]: 1 + the first clip of that label, or 0. */
static int check_labels_with(const struct manifest *manifest, const struct csv_file *csv, size_t *first,
                             struct same_text *names, struct error *error)
{
    size_t classes = 0;
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_clip *clip = &manifest->clips[i];
        size_t label = (size_t)clip->label;
        if (first[label] == 0)
            first[label] = i + 1;
        const struct manifest_clip *other = &manifest->clips[first[label] - 1];
        if (strcmp(clip->class_name, other->class_name) != 0)
            return error_set(error, "line %zu: target %d has the category '%s', but '%s' in line %zu",
                             csv_file_line(csv, i), clip->label, clip->class_name, other->class_name,
                             csv_file_line(csv, first[label] - 1));
        classes = label >= classes ? label + 1 : classes;
    }
    for (size_t label = 0; label < classes; label++) {
        if (first[label] == 0)
            return error_set(error, "no row has the target %zu, expected every one from 0 to %zu", label, classes - 1);
        names[label] = (struct same_text){manifest->clips[first[label] - 1].class_name, first[label] - 1};
    }
    same_text_sort(names, classes);
    for (size_t i = 1; i < classes; i++)
        if (strcmp(names[i - 1].text, names[i].text) == 0)
            return error_set(error, "line %zu: the category '%s' has the target %d, but %d in line %zu",
                             csv_file_line(csv, names[i].row), names[i].text, manifest->clips[names[i].row].label,
                             manifest->clips[names[i - 1].row].label, csv_file_line(csv, names[i - 1].row));
    return 0;
}

/* Labels have no gap, and labels and categories are one to one. */
static int check_labels(const struct manifest *manifest, const struct csv_file *csv, struct error *error)
{
    size_t *first = calloc(manifest->count, sizeof *first);
    struct same_text *names = calloc(manifest->count, sizeof *names);
    int result = first != NULL && names != NULL ? check_labels_with(manifest, csv, first, names, error) :
                 error_set(error, "no memory for %zu rows", manifest->count);
    free(first);
    free(names);
    return result;
}

static int add_rows(struct manifest *manifest, const struct csv_file *csv, struct error *error)
{
    int columns[COLUMN_COUNT];
    size_t first, second;
    for (int i = 0; i < COLUMN_COUNT; i++) {
        columns[i] = csv_file_column(csv, column_names[i]);
        if (columns[i] < 0)
            return error_set(error, "the column '%s' is missing, expected filename, fold, target and category",
                             column_names[i]);
    }
    if (csv->rows == 0)
        return error_set(error, "has no rows, expected one a clip");
    for (size_t row = 0; row < csv->rows; row++)
        if (add_row(manifest, csv, row, columns, error) != 0)
            return error_prefix(error, "line %zu", csv_file_line(csv, row));
    int found = manifest_find_duplicate(manifest, &first, &second, error);
    if (found == 1)
        return error_set(error, "line %zu: the file '%s' is there already, in line %zu", csv_file_line(csv, second),
                         manifest->clips[second].key, csv_file_line(csv, first));
    return found == 0 && check_labels(manifest, csv, error) == 0 ? check_folds(manifest, csv, error) : -1;
}

static int list_csv_file(struct manifest *manifest, const char *directory, const char *name, struct error *error)
{
    struct csv_file csv;
    char path[PATH_BYTES_MAX], inner[PATH_BYTES_MAX];
    if (join(inner, "meta", name, error) != 0 || join(path, directory, inner, error) != 0)
        return -1;
    int file = inner_path_open(directory, inner, error);
    if (file < 0)
        return -1;
    FILE *stream = fdopen(file, "r");
    if (stream == NULL) {
        close(file);
        return error_set_errno(error, "cannot open '%s'", path);
    }
    int result = csv_file_read(&csv, stream, path, error);
    fclose(stream);
    if (result != 0)
        return -1;
    result = add_rows(manifest, &csv, error);
    if (result != 0)
        error_prefix(error, "%s", path);
    for (size_t i = 0; result == 0 && i < manifest->count; i++) {
        result = check_file(directory, manifest->clips[i].path, error);
        if (result != 0)
            error_prefix(error, "%s: line %zu", path, csv_file_line(&csv, i));
    }
    csv_file_release(&csv);
    return result;
}

static int list_csv(struct manifest *manifest, const char *directory, struct error *error)
{
    struct listing listing;
    char path[PATH_BYTES_MAX];
    if (kind_of(directory, "meta") != 'd')
        return error_set(error, "%s: holds audio/, but no directory meta/ with a CSV file", directory);
    if (join(path, directory, "meta", error) != 0 || listing_read(&listing, path, error) != 0)
        return -1;
    const char *name = NULL;
    int result = 0;
    for (int i = 0; i < listing.count && result == 0; i++) {
        const char *candidate = listing.entries[i]->d_name;
        size_t length = strlen(candidate);
        if (length < 4 || strcmp(candidate + length - 4, ".csv") != 0)
            continue;
        if (name != NULL)
            result = error_set(error, "%s: holds '%s' and '%s', expected one CSV file", path, name, candidate);
        name = candidate;
    }
    if (result == 0 && name == NULL)
        result = error_set(error, "%s: holds no CSV file, expected one", path);
    if (result == 0)
        result = list_csv_file(manifest, directory, name, error);
    listing_release(&listing);
    return result;
}

/* --- Class folders --- */

/* The first file named in ESC's way and the first that is not: there must not be both. */
struct naming {
    const struct manifest_clip *esc, *other;
};

static const char *class_of(const char *folder)
{
    size_t digits = strspn(folder, "0123456789");
    return digits > 0 && strncmp(folder + digits, " - ", 3) == 0 && folder[digits + 3] != '\0' ? folder + digits + 3 :
           folder;
}

static int add_folder(struct manifest *manifest, const char *directory, const char *folder, int label, int folds,
                      struct error *error)
{
    struct listing listing;
    char path[PATH_BYTES_MAX];
    if (join(path, directory, folder, error) != 0 || listing_read(&listing, path, error) != 0)
        return -1;
    int result = 0;
    if (listing.count == 0)
        result = error_set(error, "%s: is empty, expected a class folder with sound files", path);
    for (int i = 0; i < listing.count && result == 0; i++) {
        const char *name = listing.entries[i]->d_name;
        struct sound_name_esc esc;
        char key[PATH_BYTES_MAX];
        int fold = sound_name_parse_esc(name, &esc) ? esc.fold : 1 + i % folds;
        result = join(key, folder, name, error);
        if (result == 0)
            result = check_file(directory, key, error);
        if (result == 0 && sound_name_check_extension(name, error) != 0)
            result = error_prefix(error, "%s", path);
        if (result == 0 && (fold < 1 || fold > MANIFEST_FOLD_MAX))
            result = error_set(error, "%s: the name '%s' says fold %d, expected 1 to %d", path, name, fold,
                               MANIFEST_FOLD_MAX);
        if (result == 0 && manifest_add(manifest, key, key, fold, label, class_of(folder), error) == NULL)
            result = error_prefix(error, "%s/%s", path, name);
    }
    listing_release(&listing);
    return result;
}

static int check_naming(const struct manifest *manifest, struct error *error)
{
    struct naming naming = {NULL, NULL};
    for (size_t i = 0; i < manifest->count; i++) {
        struct sound_name_esc esc;
        if (sound_name_parse_esc(last_part(manifest->clips[i].path), &esc))
            naming.esc = naming.esc != NULL ? naming.esc : &manifest->clips[i];
        else
            naming.other = naming.other != NULL ? naming.other : &manifest->clips[i];
    }
    if (naming.esc != NULL && naming.other != NULL)
        return error_set(error, "the name '%s' gives no fold, but '%s' does, expected all or none to give one",
                         naming.other->path, naming.esc->path);
    return 0;
}

/* Two folders of one class name, such as "001 - Rain" and "002 - Rain". */
static int check_classes(const struct listing *listing, struct error *error)
{
    struct same_text *names = calloc((size_t)listing->count + 1, sizeof *names);
    size_t count = 0;
    int result = 0;
    if (names == NULL)
        return error_set(error, "no memory for %d folders", listing->count);
    for (int i = 0; i < listing->count; i++)
        names[count++] = (struct same_text){class_of(listing->entries[i]->d_name), (size_t)i};
    same_text_sort(names, count);
    for (size_t i = 1; i < count && result == 0; i++)
        if (strcmp(names[i - 1].text, names[i].text) == 0)
            result = error_set(error, "the folders '%s' and '%s' both name the class '%s'",
                               listing->entries[names[i - 1].row]->d_name, listing->entries[names[i].row]->d_name,
                               names[i].text);
    free(names);
    return result;
}

/* Keeps the folders only. */
static int keep_folders(struct listing *listing, const char *directory, struct error *error)
{
    int kept = 0, result = 0;
    for (int i = 0; i < listing->count; i++) {
        struct dirent *entry = listing->entries[i];
        int kind = kind_of(directory, entry->d_name);
        if (kind == 'd') {
            listing->entries[kept++] = entry;
            continue;
        }
        if (kind != 'f' && result == 0)
            result = error_set(error, "%s/%s: is neither a directory nor a regular file", directory, entry->d_name);
        free(entry);
    }
    listing->count = kept;
    if (result == 0 && kept == 0)
        result = error_set(error, "%s: holds no data set, expected meta/ and audio/, or class folders of sound files",
                           directory);
    return result;
}

static int list_folders(struct manifest *manifest, const char *directory, int folds, struct error *error)
{
    struct listing listing;
    if (listing_read(&listing, directory, error) != 0)
        return -1;
    int result = keep_folders(&listing, directory, error);
    if (result == 0 && check_classes(&listing, error) != 0)
        result = error_prefix(error, "%s", directory);
    for (int i = 0; i < listing.count && result == 0; i++)
        result = add_folder(manifest, directory, listing.entries[i]->d_name, i, folds, error);
    listing_release(&listing);
    if (result == 0 && (check_naming(manifest, error) != 0 || check_folds(manifest, NULL, error) != 0))
        result = error_prefix(error, "%s", directory);
    return result;
}

static int by_fold_and_key(const void *left, const void *right)
{
    const struct manifest_clip *a = left, *b = right;
    return a->fold != b->fold ? (a->fold > b->fold) - (a->fold < b->fold) : strcmp(a->key, b->key);
}

int data_set_list(struct manifest *manifest, const char *directory, int folds, struct error *error)
{
    struct stat status;
    *manifest = (struct manifest){0};
    if (stat(directory, &status) != 0)
        return error_set_errno(error, "cannot open the data set '%s'", directory);
    if (!S_ISDIR(status.st_mode))
        return error_set(error, "'%s' is not a directory, expected a data set", directory);
    int csv = kind_of(directory, "meta") != 0 || kind_of(directory, "audio") != 0;
    int result = csv ? list_csv(manifest, directory, error) : list_folders(manifest, directory, folds, error);
    if (result != 0)
        manifest_release(manifest);
    else
        qsort(manifest->clips, manifest->count, sizeof manifest->clips[0], by_fold_and_key);
    return result;
}
