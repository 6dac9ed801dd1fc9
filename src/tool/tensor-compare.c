#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "command_line.h"
#include "tensor_difference.h"
#include "tensor_reader.h"

enum { SAME = 0, DIFFERENT = 1, TROUBLE = 2 };

static const char details[] =
    "A and B are clips (.npy) or tensors (safetensors). Compared are the names or keys, folds, labels, types, shapes,\n"
    "metadata and all values. Tensors are matched by name, clips by position. Values a of A and b of B are the same\n"
    "if |a - b| <= tolerance + relative * |b|; without either option, if their bits are. Integers must be equal.\n"
    "Prints each difference of structure, the first and the largest difference of values; of checkpoints not of the\n"
    "engine exact that they are.\n"
    "Exit status: 0 same, 1 different, 2 trouble.\n"
    "\n"
    "example: tensor-compare --tolerance=1e-6 found.safetensors expected.safetensors";

/* Items of both files that match, and what was found so far. */
struct comparison {
    struct tensor_difference difference;
    int status;
};

static FILE *open_or_die(struct tensor_reader *reader, const char *path)
{
    struct error error;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        die("cannot open '%s': %s", path, strerror(errno));
    if (tensor_reader_open(reader, stream, path, &error) != 0)
        die_error(&error);
    return stream;
}

static int next_or_die(struct tensor_reader *reader, struct tensor_item *item)
{
    struct error error;
    int status = tensor_reader_next(reader, item, &error);
    if (status < 0)
        die_error(&error);
    return status;
}

static void compare_items(struct comparison *comparison, const struct tensor_item *a, const struct tensor_item *b)
{
    char a_shape[TENSOR_SHAPE_TEXT_BYTES], b_shape[TENSOR_SHAPE_TEXT_BYTES];
    if (a->type == b->type && a->rank == b->rank && memcmp(a->sizes, b->sizes, sizeof a->sizes) == 0) {
        tensor_difference_add(&comparison->difference, a, b);
        return;
    }
    comparison->status = DIFFERENT;
    printf("%s: %s %s and %s %s\n", a->name, tensor_type_name(a->type), tensor_shape_text(a, a_shape),
           tensor_type_name(b->type), tensor_shape_text(b, b_shape));
}

static void compare_metadata(struct comparison *comparison, const struct safetensors *a, const struct safetensors *b)
{
    for (size_t i = 0; i < a->text_count; i++) {
        const char *other = safetensors_text(b, a->texts[i].name);
        if (other != NULL && strcmp(other, a->texts[i].value) == 0)
            continue;
        comparison->status = DIFFERENT;
        printf("metadata %s: ", a->texts[i].name);
        if (other == NULL) {
            puts("only in the first");
            continue;
        }
        tensor_write_text(stdout, a->texts[i].value);
        fputs(" and ", stdout);
        tensor_write_text(stdout, other);
        putchar('\n');
    }
    for (size_t i = 0; i < b->text_count; i++) {
        if (safetensors_text(a, b->texts[i].name) == NULL) {
            comparison->status = DIFFERENT;
            printf("metadata %s: only in the second\n", b->texts[i].name);
        }
    }
}

/* Whatever else is found: what openblas computed may differ, or agree, on this machine only. */
static void print_engines(const struct safetensors *a, const struct safetensors *b)
{
    const char *const engines[] = {safetensors_text(a, "engine"), safetensors_text(b, "engine")};
    bool openblas = false;
    for (int i = 0; i < 2; i++)
        openblas = openblas || (engines[i] != NULL && strcmp(engines[i], "exact") != 0);
    if (!openblas)
        return;
    fputs("engines: ", stdout);
    tensor_write_text(stdout, engines[0] != NULL ? engines[0] : "none");
    fputs(" and ", stdout);
    tensor_write_text(stdout, engines[1] != NULL ? engines[1] : "none");
    puts("; results of openblas are comparable on like machines only");
}

static void compare_tensors(struct comparison *comparison, struct tensor_reader *a, struct tensor_reader *b)
{
    struct tensor_item item;
    while (next_or_die(a, &item) == 1) {
        const struct safetensors_tensor *other = safetensors_find(&b->file, item.name);
        if (other == NULL) {
            comparison->status = DIFFERENT;
            printf("%s: only in the first\n", item.name);
            continue;
        }
        struct tensor_item other_item = tensor_item_of(other);
        compare_items(comparison, &item, &other_item);
    }
    while (next_or_die(b, &item) == 1) {
        if (safetensors_find(&a->file, item.name) == NULL) {
            comparison->status = DIFFERENT;
            printf("%s: only in the second\n", item.name);
        }
    }
}

static void compare_clips(struct comparison *comparison, struct tensor_reader *a, struct tensor_reader *b)
{
    struct tensor_item left, right;
    int left_there = 1, right_there = 1;
    if (a->stream.count != b->stream.count) {
        comparison->status = DIFFERENT;
        printf("clips: %zu and %zu\n", a->stream.count, b->stream.count);
    }
    for (size_t number = 1; left_there || right_there; number++) {
        left_there = left_there && next_or_die(a, &left);
        right_there = right_there && next_or_die(b, &right);
        if (!left_there || !right_there)
            continue;
        if (strcmp(left.name, right.name) != 0 || left.fold != right.fold || left.label != right.label) {
            comparison->status = DIFFERENT;
            printf("clip %zu: '%s', fold %d, label %d and '%s', fold %d, label %d\n", number, left.name, left.fold,
                   left.label, right.name, right.fold, right.label);
        }
        compare_items(comparison, &left, &right);
    }
}

int main(int argc, char **argv)
{
    struct comparison comparison = {.status = SAME};
    struct tensor_difference *difference = &comparison.difference;
    bool ignore_metadata = false;
    const struct option options[] = {
        {"tolerance", OPTION_REAL, &difference->tolerance, 0, DBL_MAX, NULL, "how far apart two floats may be"},
        {"relative", OPTION_REAL, &difference->relative, 0, DBL_MAX, NULL, "the same, as a share of B's value"},
        {"ignore-metadata", OPTION_FLAG, &ignore_metadata, 0, 0, NULL, "do not compare the metadata"},
        {0}};
    const struct command command = {"tensor-compare", "A B", "Compares two files of clips or tensors.", details,
                                    options, 2, 2};
    struct tensor_reader a, b;
    set_failure_status(TROUBLE);
    int at = command_line_parse(&command, argc, argv);
    FILE *a_stream = open_or_die(&a, argv[at]), *b_stream = open_or_die(&b, argv[at + 1]);
    if (a.is_clips != b.is_clips) {
        comparison.status = DIFFERENT;
        printf("kind: %s and %s\n", a.is_clips ? "clips" : "tensors", b.is_clips ? "clips" : "tensors");
    } else if (a.is_clips) {
        compare_clips(&comparison, &a, &b);
    } else {
        if (!ignore_metadata)
            compare_metadata(&comparison, &a.file, &b.file);
        compare_tensors(&comparison, &a, &b);
        print_engines(&a.file, &b.file);
    }
    if (difference->differing > 0) {
        comparison.status = DIFFERENT;
        printf("first difference: %s\nlargest difference: %s, %.9g apart\ndiffering values: %zu of %zu\n",
               difference->first, difference->largest, difference->largest_distance, difference->differing,
               difference->values);
    }
    fclose(a_stream);
    fclose(b_stream);
    tensor_reader_release(&a);
    tensor_reader_release(&b);
    close_output();
    return comparison.status;
}
