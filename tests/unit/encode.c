/* lib/image/encode: what is written is read back; the same pixels make the same bytes. */
#include "check.h"

#include "base/file.h"
#include "base/philox.h"
#include "image/encode.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char path[] = "unit-encode.out";

/* Noise, or levels that change slowly. */
static uint8_t level(bool noisy, uint32_t y, uint32_t x, uint32_t c)
{
    uint32_t draw[4];
    if (!noisy)
        return (uint8_t)(20 + (y + x) / 2 + 40 * c);
    emo_philox(7, y, 0, EMO_DRAW_SAMPLE, x * 3 + c, draw);
    return (uint8_t)draw[0];
}

static int write_picture(int fd, enum emo_picture kind, bool noisy, uint32_t height, uint32_t width,
                         uint32_t channels)
{
    struct emo_encoder *e;
    uint8_t row[3 * 300];
    int status = emo_encoder_open(&e, fd, path, kind, height, width, channels, &err);
    if (status != EMO_OK)
        return status;
    for (uint32_t y = 0; y < height && status == EMO_OK; y++) {
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++)
                row[x * channels + c] = level(noisy, y, x, c);
        status = emo_encoder_row(e, row, &err);
    }
    if (status == EMO_OK)
        status = emo_encoder_finish(e, &err);
    emo_encoder_close(e);
    return status;
}

static uint8_t *file_of(enum emo_picture kind, bool noisy, uint32_t height, uint32_t width,
                        uint32_t channels, size_t *n)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct stat s;
    CHECK(fd >= 0);
    CHECK(write_picture(fd, kind, noisy, height, width, channels) == EMO_OK);
    CHECK(fstat(fd, &s) == 0);
    *n = (size_t)s.st_size;
    uint8_t *bytes = malloc(*n);
    CHECK(bytes != NULL);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && emo_read(fd, bytes, *n) == (ssize_t)*n);
    close(fd);
    unlink(path);
    return bytes;
}

static void round_trip(enum emo_picture kind, uint32_t height, uint32_t width, uint32_t channels)
{
    bool noisy = kind == EMO_PNG;
    size_t n, m;
    uint8_t *bytes = file_of(kind, noisy, height, width, channels, &n);
    uint8_t *again = file_of(kind, noisy, height, width, channels, &m);
    CHECK(n == m && memcmp(bytes, again, n) == 0);
    struct emo_pixels p;
    CHECK(emo_picture_kind(bytes, n, NULL) == kind);
    CHECK(emo_decode(bytes, n, channels == 1, 0, 0, 0, &p, &err) == EMO_OK);
    CHECK(p.height == height && p.width == width && p.channels == channels);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++) {
                int had = level(noisy, y, x, c);
                int got = p.bytes[((size_t)y * width + x) * channels + c];
                CHECK(kind == EMO_PNG ? got == had : abs(got - had) <= 6);
            }
    free(p.bytes);
    free(bytes);
    free(again);
}

static void test_refused(void)
{
    CHECK(write_picture(1, EMO_JPEG, false, 65501, 1, 3) == EMO_USAGE);
    SAID("65500 each way");
    CHECK(write_picture(1, EMO_PNG, false, 1000001, 1, 3) == EMO_USAGE);
    CHECK(write_picture(1, EMO_PNG, false, 0, 1, 3) == EMO_USAGE);
    int full = open("/dev/full", O_WRONLY), shut = open("/dev/null", O_RDONLY);
    for (int kind = EMO_JPEG; kind <= EMO_PNG; kind++) {
        CHECK(write_picture(full, (enum emo_picture)kind, true, 200, 300, 3) == EMO_FAILED);
        SAID("No space left");
        CHECK(write_picture(shut, (enum emo_picture)kind, true, 2, 3, 1) == EMO_FAILED);
        SAID(path);
    }
    close(full);
    close(shut);
}

int main(void)
{
    static const uint32_t shapes[][2] = {{1, 1}, {7, 300}, {130, 5}, {64, 64}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (uint32_t channels = 1; channels <= 3; channels += 2) {
            round_trip(EMO_PNG, shapes[i][0], shapes[i][1], channels);
            round_trip(EMO_JPEG, shapes[i][0], shapes[i][1], channels);
        }
    test_refused();
    return 0;
}
