#include "training.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "layers.h"
#include "random.h"

struct ranked {
    uint64_t rank;
    size_t clip;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return left->clip < right->clip ? -1 : left->clip > right->clip;
}

int training_order(size_t *order, size_t count, uint64_t seed, int64_t epoch, struct error *error)
{
    struct ranked *ranked = calloc(count + 1, sizeof *ranked);
    if (ranked == NULL)
        return error_set(error, "no memory for %zu clips", count);
    for (size_t clip = 0; clip < count; clip++) {
        struct random_block block = random_at(seed, RANDOM_SHUFFLE, (uint32_t)epoch, clip);
        ranked[clip] = (struct ranked){(uint64_t)block.words[1] << 32 | block.words[0], clip};
    }
    qsort(ranked, count, sizeof *ranked, by_rank);
    for (size_t i = 0; i < count; i++)
        order[i] = ranked[i].clip;
    free(ranked);
    return 0;
}

/* A batch as network.h takes it. */
struct batch {
    const float **x;
    int *labels;
    double *losses;
    float *logits;
    size_t *order;
};

static void batch_release(struct batch *batch)
{
    free(batch->x);
    free(batch->labels);
    free(batch->losses);
    free(batch->logits);
    free(batch->order);
}

static int batch_initialise(struct batch *batch, size_t clips, int classes, size_t all, struct error *error)
{
    batch->x = calloc(clips, sizeof *batch->x);
    batch->labels = calloc(clips, sizeof *batch->labels);
    batch->losses = calloc(clips, sizeof *batch->losses);
    batch->logits = calloc(clips * (size_t)classes, sizeof *batch->logits);
    batch->order = calloc(all + 1, sizeof *batch->order);
    if (batch->x != NULL && batch->labels != NULL && batch->losses != NULL && batch->logits != NULL &&
        batch->order != NULL)
        return 0;
    batch_release(batch);
    return error_set(error, "no memory for a batch of %zu clips", clips);
}

/* Takes the clips order[first], ...; returns how many. */
static int batch_fill(struct batch *batch, const struct clip_set *set, size_t first, size_t most)
{
    size_t count = set->count - first < most ? set->count - first : most;
    for (size_t i = 0; i < count; i++) {
        const struct clip_set_clip *clip = &set->clips[batch->order[first + i]];
        batch->x[i] = clip->x;
        batch->labels[i] = clip->label;
    }
    return (int)count;
}

static int count_correct(const struct batch *batch, int count, int classes)
{
    int correct = 0;
    for (int i = 0; i < count; i++)
        correct += largest_index(batch->logits + (size_t)i * (size_t)classes, classes) == batch->labels[i];
    return correct;
}

int training_epoch(struct network *network, const struct clip_set *set, const struct checkpoint *checkpoint,
                   const struct epoch_options *options, struct training_progress progress, float *step_loss,
                   struct epoch_metrics *metrics, struct error *error)
{
    struct batch batch;
    int classes = checkpoint->class_count;
    size_t size = (size_t)options->batch_size, correct = 0;
    double total = 0.0;
    if (batch_initialise(&batch, size, classes, set->count, error) != 0)
        return -1;
    int status = training_order(batch.order, set->count, checkpoint->seed, checkpoint->epoch + 1, error);
    metrics->steps = 0;
    for (size_t first = 0; first < set->count && status == 0; first += size) {
        int count = batch_fill(&batch, set, first, size);
        double sum = 0.0;
        network_train(network, batch.x, batch.labels, count, options->learning_rate, batch.losses, batch.logits);
        for (int i = 0; i < count; i++)
            sum += batch.losses[i];
        if (!isfinite(sum))
            status = error_set(error, "training diverged: the loss is not finite at step %" PRId64 " of epoch %" PRId64
                               "; try a smaller --learning-rate", metrics->steps + 1, checkpoint->epoch + 1);
        else if (checkpoint_check_finite(checkpoint, error) != 0)
            status = error_prefix(error, "training diverged at step %" PRId64 " of epoch %" PRId64
                                  "; try a smaller --learning-rate", metrics->steps + 1, checkpoint->epoch + 1);
        step_loss[metrics->steps++] = (float)(sum / count);
        total += sum;
        correct += (size_t)count_correct(&batch, count, classes);
        size_t done = first + (size_t)count;
        if (progress.report != NULL)
            progress.report(progress.context, done, set->count, total / (double)done);
    }
    metrics->step_loss = step_loss;
    metrics->train_loss = total / (double)set->count;
    metrics->train_acc = (double)correct / (double)set->count;
    batch_release(&batch);
    return status;
}

int training_evaluate(struct network *network, const struct clip_set *set, int classes, size_t size, double *loss,
                      double *accuracy, struct error *error)
{
    struct batch batch;
    size_t correct = 0;
    double total = 0.0;
    if (batch_initialise(&batch, size, classes, set->count, error) != 0)
        return -1;
    for (size_t clip = 0; clip < set->count; clip++)
        batch.order[clip] = clip;
    for (size_t first = 0; first < set->count; first += size) {
        int count = batch_fill(&batch, set, first, size);
        network_predict(network, batch.x, count, batch.logits);
        for (int i = 0; i < count; i++)
            total += cross_entropy(batch.logits + (size_t)i * (size_t)classes, batch.labels[i], classes);
        correct += (size_t)count_correct(&batch, count, classes);
    }
    batch_release(&batch);
    *loss = total / (double)set->count;
    *accuracy = (double)correct / (double)set->count;
    return isfinite(total) ? 0 : error_set(error, "training diverged: the validation loss is not finite; try a smaller "
                                           "--learning-rate");
}
