/* The order of an epoch: a permutation, the same for the same set of ids, and uniform. */
#include "learn/epochs.h"

#include <stdio.h>
#include <string.h>

#define N 1000

static int failures;

static void check(bool good, const char *what)
{
    printf("%s: %s\n", good ? "ok" : "FAILED", what);
    failures += !good;
}

static bool is_permutation(const size_t *order)
{
    bool seen[N] = {false};
    for (size_t i = 0; i < N; i++) {
        if (order[i] >= N || seen[order[i]])
            return false;
        seen[order[i]] = true;
    }
    return true;
}

int main(void)
{
    static uint64_t ids[N], backwards[N];
    static size_t order[N], other[N];
    struct emo_error err = {0};
    for (size_t i = 0; i < N; i++)
        backwards[N - 1 - i] = ids[i] = (uint64_t)i * 7 + (i > N / 2 ? UINT64_C(1) << 40 : 0);

    check(emo_epoch_order(ids, N, 21, 1, false, order, &err) == EMO_OK && is_permutation(order) &&
              order[0] == 0 && order[N - 1] == N - 1,
          "without shuffling the order stays");
    check(emo_epoch_order(ids, N, 21, 1, true, order, &err) == EMO_OK && is_permutation(order),
          "an epoch is a permutation");
    (void)emo_epoch_order(backwards, N, 21, 1, true, other, &err);
    bool same = true;
    for (size_t i = 0; i < N; i++)
        same &= ids[order[i]] == backwards[other[i]];
    check(same, "it does not depend on the order of arrival");
    (void)emo_epoch_order(ids, N, 21, 2, true, other, &err);
    check(is_permutation(other) && memcmp(order, other, sizeof order) != 0, "epochs differ");
    (void)emo_epoch_order(ids, N, 22, 1, true, other, &err);
    check(is_permutation(other) && memcmp(order, other, sizeof order) != 0, "seeds differ");

    /* The mean displacement of a random permutation is n/3 with deviation about n/(2.1 sqrt n). */
    double moved = 0;
    for (size_t i = 0; i < N; i++)
        moved += order[i] > i ? (double)(order[i] - i) : (double)(i - order[i]);
    moved /= N;
    check(moved > N / 3.0 - 50 && moved < N / 3.0 + 50, "records move as far as they should");

    uint64_t twins[3] = {5, 5, 5};
    (void)emo_epoch_order(twins, 3, 21, 1, true, order, &err);
    check(order[0] == 0 && order[1] == 1 && order[2] == 2, "equal ids keep their order");
    check(emo_epoch_order(NULL, 0, 21, 1, true, order, &err) == EMO_OK, "nothing to order");
    return failures != 0;
}
