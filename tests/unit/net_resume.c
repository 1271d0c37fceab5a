/*
 * A net that is given another's parameters, moments and number of steps goes on exactly as that one
 * does.
 */
#include "net/net.h"

#include "check.h"

#include <stdbool.h>
#include <stdint.h>

enum { BATCH = 8, SIDE = 12, STEPS = 6 };

static uint8_t pixels[BATCH][SIDE * SIDE * 3];
static const uint8_t *images[BATCH];
static int labels[BATCH];
static uint64_t ids[BATCH];

static struct emo_net *open_net(unsigned jobs)
{
    struct emo_net_options o = {
        .text = "conv 4 3 relu\nmaxpool 2\nflatten\ndense 8 relu\ndropout 0.5\noutput\n",
        .height = SIDE, .width = SIDE, .channels = 3, .classes = 2, .jobs = jobs, .batch = BATCH,
        .training = true, .seed = 3,
    };
    struct emo_net *n;
    CHECK(emo_net_open(&n, &o, &err) == EMO_OK);
    return n;
}

static void steps(struct emo_net *n, uint16_t from, uint16_t to)
{
    struct emo_step_result result;
    for (uint16_t s = from; s < to; s++)
        CHECK(emo_net_step(n, images, labels, ids, s, BATCH, 0.01, &result, &err) == EMO_OK);
}

static void copy(struct emo_net *to, struct emo_net *from)
{
    size_t count;
    struct emo_parameter *p = emo_net_parameters(to, &count);
    const struct emo_parameter *q = emo_net_parameters(from, &count);
    for (size_t i = 0; i < count; i++) {
        memcpy(p[i].values, q[i].values, p[i].count * sizeof *p[i].values);
        memcpy(p[i].m, q[i].m, p[i].count * sizeof *p[i].m);
        memcpy(p[i].v, q[i].v, p[i].count * sizeof *p[i].v);
    }
    emo_net_set_steps(to, emo_net_steps(from));
    emo_net_parameters_changed(to);
}

static bool same(struct emo_net *a, struct emo_net *b)
{
    size_t count;
    const struct emo_parameter *p = emo_net_parameters(a, &count);
    const struct emo_parameter *q = emo_net_parameters(b, &count);
    for (size_t i = 0; i < count; i++)
        if (memcmp(p[i].values, q[i].values, p[i].count * sizeof *p[i].values) != 0)
            return false;
    return true;
}

int main(void)
{
    for (size_t i = 0; i < BATCH; i++) {
        images[i] = pixels[i];
        labels[i] = i % 2;
        ids[i] = i;
        for (size_t k = 0; k < sizeof pixels[i]; k++)
            pixels[i][k] = (uint8_t)(k * (i + 3) * 37 % 251 / (1 + i % 2));
    }
    struct emo_net *whole = open_net(1), *broken = open_net(2), *resumed = open_net(3);
    emo_net_initialise(whole);
    emo_net_initialise(broken);
    steps(whole, 0, STEPS);
    steps(broken, 0, STEPS / 2);
    copy(resumed, broken);
    CHECK(!same(whole, resumed));
    steps(resumed, STEPS / 2, STEPS);
    CHECK(same(whole, resumed));
    CHECK(emo_net_steps(resumed) == STEPS);

    /* The moments and the number of steps matter: without them it would not show. */
    struct emo_net *forgetful = open_net(1);
    copy(forgetful, broken);
    emo_net_set_steps(forgetful, 0);
    steps(forgetful, STEPS / 2, STEPS);
    CHECK(!same(whole, forgetful));

    emo_net_close(whole);
    emo_net_close(broken);
    emo_net_close(resumed);
    emo_net_close(forgetful);
    puts("ok: a net goes on from another's state as that one would have");
    return 0;
}
