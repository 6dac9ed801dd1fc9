#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command_line.h"
#include "number.h"
#include "tensor_reader.h"

static const char details[] =
    "Reads clips (.npy) or tensors (safetensors) from FILE or standard input and prints a tab-separated table, one\n"
    "line a tensor: name, type, shape, min, max, mean; of clips: key, fold, label, type, shape, min, max, mean. A\n"
    "tensor without values, or with a NaN, has nan for all three. In metadata a control byte or backslash is \\xNN.\n"
    "\n"
    "example: tensor-print --tensor=fc1.bias --values model.safetensors";

static double value_at(const struct tensor_item *item, size_t at)
{
    return item->type == SAFETENSORS_I64 ? (double)((const int64_t *)item->data)[at]
                                         : (double)((const float *)item->data)[at];
}

/* One way to write "not a number", whatever its sign. */
static void print_real(double value)
{
    if (isnan(value))
        fputs("nan", stdout);
    else
        printf("%.9g", value);
}

static void print_value(const struct tensor_item *item, size_t at)
{
    if (item->type == SAFETENSORS_I64)
        printf("%" PRId64, ((const int64_t *)item->data)[at]);
    else
        print_real(value_at(item, at));
}

static void print_summary(const struct tensor_item *item)
{
    size_t smallest = 0, largest = 0, at = 0;
    double sum = 0;
    for (; at < item->values && !isnan(value_at(item, at)); at++) {
        if (value_at(item, at) < value_at(item, smallest))
            smallest = at;
        if (value_at(item, at) > value_at(item, largest))
            largest = at;
        sum += value_at(item, at);
    }
    if (at == 0 || at < item->values) {
        fputs("nan\tnan\tnan", stdout);
        return;
    }
    print_value(item, smallest);
    putchar('\t');
    print_value(item, largest);
    putchar('\t');
    print_real(sum / (double)item->values);
}

static void print_item(const struct tensor_item *item, bool is_clip, bool with_values)
{
    char shape[TENSOR_SHAPE_TEXT_BYTES];
    fputs(item->name, stdout);
    if (is_clip)
        printf("\t%" PRId32 "\t%" PRId32, item->fold, item->label);
    printf("\t%s\t%s\t", tensor_type_name(item->type), tensor_shape_text(item, shape));
    print_summary(item);
    if (with_values)
        putchar('\t');
    for (size_t at = 0; with_values && at < item->values; at++) {
        if (at > 0)
            putchar(' ');
        print_value(item, at);
    }
    putchar('\n');
}

_Noreturn static void die_not_found(const struct safetensors *file, const char *source, const char *wanted)
{
    const char **names = allocate_or_die(file->tensor_count, sizeof *names);
    for (size_t i = 0; i < file->tensor_count; i++)
        names[i] = file->tensors[i].name;
    const char *nearest = number_nearest_name(wanted, names, file->tensor_count);
    if (nearest != NULL)
        die("%s: has no tensor '%s'; the nearest is '%s'", source, wanted, nearest);
    die("%s: has nothing named '%s'", source, wanted);
}

static void print_items(struct tensor_reader *reader, const char *source, const char *wanted, bool with_values)
{
    struct error error;
    struct tensor_item item;
    size_t printed = 0;
    int status;
    printf("%s\ttype\tshape\tmin\tmax\tmean%s\n", reader->is_clips ? "key\tfold\tlabel" : "name",
           with_values ? "\tvalues" : "");
    while ((status = tensor_reader_next(reader, &item, &error)) == 1) {
        if (wanted != NULL && strcmp(item.name, wanted) != 0)
            continue;
        print_item(&item, reader->is_clips, with_values);
        printed++;
    }
    if (status < 0)
        die_error(&error);
    if (wanted != NULL && printed == 0)
        die_not_found(&reader->file, source, wanted);
}

static void print_metadata(const struct safetensors *file)
{
    puts("name\tvalue");
    for (size_t i = 0; i < file->text_count; i++) {
        printf("%s\t", file->texts[i].name);
        tensor_write_text(stdout, file->texts[i].value);
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    const char *wanted = NULL, *source = "standard input";
    bool with_values = false, metadata = false;
    const struct option options[] = {
        {"values", OPTION_FLAG, &with_values, 0, 0, NULL, "print all values, %.9g, separated by spaces"},
        {"metadata", OPTION_FLAG, &metadata, 0, 0, NULL, "print the metadata instead: name, value (clips have none)"},
        {"tensor", OPTION_TEXT, &wanted, 0, 0, "NAME", "only the tensor of this name, or clip of this key"},
        {0}};
    const struct command command = {"tensor-print", "[FILE]", "Prints a file of clips or tensors as text.", details,
                                    options, 0, 1};
    struct error error;
    struct tensor_reader reader;
    int at = command_line_parse(&command, argc, argv);
    FILE *stream = stdin;
    if (metadata && (with_values || wanted != NULL))
        die_usage("--metadata goes with neither --values nor --tensor");
    if (at < argc) {
        source = argv[at];
        stream = fopen(source, "rb");
        if (stream == NULL)
            die("cannot open '%s': %s", source, strerror(errno));
    }
    if (tensor_reader_open(&reader, stream, source, &error) != 0)
        die_error(&error);
    if (metadata)
        print_metadata(&reader.file);
    else
        print_items(&reader, source, wanted, with_values);
    tensor_reader_release(&reader);
    fclose(stream);
    return close_output();
}
