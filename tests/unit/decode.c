/* lib/image/decode: files made here in every form that occurs, decoded and compared. */
#include "check.h"

#include "base/hash.h"
#include "image/decode.h"
#include "image/orient.h"

#include <png.h>
#include <stdint.h>
#include <webp/encode.h>

#include <jpeglib.h>

enum { H = 16, W = 24 };

struct file {
    uint8_t *bytes;
    size_t n;
};

/* A smooth picture, so that JPEG loses little: level of channel c at (y, x). */
static uint8_t level(int y, int x, int c)
{
    return (uint8_t)(c == 0 ? 20 + 9 * x : c == 1 ? 20 + 13 * y : 230 - 5 * x - 5 * y);
}

static uint8_t luma(int y, int x)
{
    return (uint8_t)(.299 * level(y, x, 0) + .587 * level(y, x, 1) + .114 * level(y, x, 2) + .5);
}

/* A JPEG of the picture; exif: bytes of an APP1, or NULL. */
static struct file make_jpeg(J_COLOR_SPACE in, J_COLOR_SPACE space, bool progressive,
                             const uint8_t *exif, size_t exif_length)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr manager;
    struct file f = {0};
    unsigned long n = 0;
    uint8_t row[W * 4], *line = row;
    c.err = jpeg_std_error(&manager);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &f.bytes, &n);
    c.image_width = W;
    c.image_height = H;
    c.in_color_space = in;
    c.input_components = in == JCS_CMYK ? 4 : in == JCS_GRAYSCALE ? 1 : 3;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, space);
    jpeg_set_quality(&c, 98, TRUE);
    for (int i = 0; i < c.num_components; i++)
        c.comp_info[i].h_samp_factor = c.comp_info[i].v_samp_factor = 1;
    if (progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    if (exif != NULL)
        jpeg_write_marker(&c, JPEG_APP0 + 1, exif, (unsigned)exif_length);
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++)
            for (int i = 0; i < c.input_components; i++)
                /* Adobe's inverted ink: with black ink at 255 (none), it is the light. */
                row[x * c.input_components + i] =
                    in == JCS_GRAYSCALE ? luma(y, x) : i == 3 ? 255 : level(y, x, i);
        (void)jpeg_write_scanlines(&c, &line, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    f.n = n;
    return f;
}

/* Decodes f to p, H x W, whatever it is. */
static void decode(const struct file *f, bool gray, struct emo_pixels *p)
{
    CHECK(emo_decode(f->bytes, f->n, gray, 0, 0, 0, p, &err) == EMO_OK);
    CHECK(p->height == H && p->width == W && p->channels == (gray ? 1 : 3));
    CHECK(p->file_height == H && p->file_width == W);
}

/* Is p the picture (or its luma, where it is gray or the file was) to within tolerance? */
static void compare(const char *what, const struct file *f, bool file_gray, int tolerance)
{
    for (int gray = 0; gray < 2; gray++) {
        struct emo_pixels p;
        int worst = 0;
        decode(f, gray != 0, &p);
        for (int i = 0; i < H * W * (int)p.channels; i++) {
            int x = i / (int)p.channels % W, y = i / (int)p.channels / W;
            int want = gray || file_gray ? luma(y, x) : level(y, x, i % 3);
            int d = abs(p.bytes[i] - want);
            worst = d > worst ? d : worst;
        }
        free(p.bytes);
        if (worst > tolerance)
            snprintf(err.text, sizeof err.text, "%s: off by %d", what, worst);
        CHECK(worst <= tolerance);
    }
}

static void jpegs(void)
{
    static const struct {
        const char *what;
        J_COLOR_SPACE in, space;
        bool progressive;
    } forms[] = {{"gray", JCS_GRAYSCALE, JCS_GRAYSCALE, false},
                 {"YCbCr", JCS_RGB, JCS_YCbCr, false},
                 {"RGB", JCS_RGB, JCS_RGB, false},
                 {"CMYK", JCS_CMYK, JCS_CMYK, false},
                 {"YCCK", JCS_CMYK, JCS_YCCK, false},
                 {"progressive", JCS_RGB, JCS_YCbCr, true},
                 {"progressive CMYK", JCS_CMYK, JCS_YCCK, true}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct file f = make_jpeg(forms[i].in, forms[i].space, forms[i].progressive, NULL, 0);
        compare(forms[i].what, &f, forms[i].in == JCS_GRAYSCALE, 5);
        free(f.bytes);
    }
    puts("decode: JPEG gray, YCbCr, RGB, CMYK, YCCK, progressive");
}

static void on_png_write(png_structp png, png_bytep bytes, size_t n)
{
    struct file *f = png_get_io_ptr(png);
    f->bytes = realloc(f->bytes, f->n + n);
    CHECK(f->bytes != NULL);
    memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
}

/* A PNG of the picture; with alpha it is transparent, and black beneath, in its right half. */
static struct file make_png(int type, int depth, int interlace, uint8_t *exif, unsigned length)
{
    struct file f = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    int channels = type == PNG_COLOR_TYPE_RGB ? 3 : type == PNG_COLOR_TYPE_RGB_ALPHA ? 4 : 1;
    int size = depth / 8;
    static uint8_t pixels[H][W * 4 * 2];
    png_bytep rows[H];
    png_set_write_fn(png, &f, on_png_write, NULL);
    png_set_IHDR(png, info, W, H, depth, type, interlace, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_color colours[256];
        for (int i = 0; i < 256; i++)
            colours[i] = (png_color){(png_byte)i, (png_byte)i, (png_byte)i};
        png_set_PLTE(png, info, colours, 256);
    }
    if (exif != NULL)
        png_set_eXIf_1(png, info, length, exif);
    for (int y = 0; y < H; y++) {
        rows[y] = pixels[y];
        for (int x = 0; x < W; x++)
            for (int c = 0; c < channels; c++) {
                bool clear = channels == 4 && x >= W / 2;
                uint8_t v = channels == 1 ? luma(y, x) : clear ? 0 : c == 3 ? 255 : level(y, x, c);
                /* A 16-bit sample of 257 v is exactly v. */
                memset(&pixels[y][(x * channels + c) * size], v, (size_t)size);
            }
    }
    png_set_rows(png, info, rows);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    return f;
}

static void pngs(void)
{
    static const struct {
        const char *what;
        int type, depth, interlace;
    } forms[] = {{"RGB", PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE},
                 {"interlaced", PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_ADAM7},
                 {"16-bit RGB", PNG_COLOR_TYPE_RGB, 16, PNG_INTERLACE_NONE},
                 {"16-bit gray", PNG_COLOR_TYPE_GRAY, 16, PNG_INTERLACE_NONE},
                 {"palette", PNG_COLOR_TYPE_PALETTE, 8, PNG_INTERLACE_ADAM7}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct file f = make_png(forms[i].type, forms[i].depth, forms[i].interlace, NULL, 0);
        compare(forms[i].what, &f, forms[i].type != PNG_COLOR_TYPE_RGB, 1);
        free(f.bytes);
    }
    struct file f = make_png(PNG_COLOR_TYPE_RGB_ALPHA, 8, PNG_INTERLACE_NONE, NULL, 0);
    struct emo_pixels p;
    decode(&f, false, &p);
    CHECK(p.bytes[0] == level(0, 0, 0) && p.bytes[(W - 1) * 3] == 255);
    free(p.bytes);
    free(f.bytes);
    puts("decode: PNG RGB, interlaced, 16-bit, palette, alpha over white");
}

static struct file make_webp(void)
{
    struct file f = {0};
    uint8_t rgba[H * W * 4], *bytes;
    for (int i = 0; i < H * W * 4; i++)
        rgba[i] = i % 4 == 3 ? (i / 4 % W < W / 2 ? 255 : 0) : level(i / 4 / W, i / 4 % W, i % 4);
    f.n = WebPEncodeLosslessRGBA(rgba, W, H, W * 4, &bytes);
    f.bytes = malloc(f.n);
    CHECK(f.n > 0 && f.bytes != NULL);
    memcpy(f.bytes, bytes, f.n);
    WebPFree(bytes);
    return f;
}

/* EXIF that holds an orientation and something before it. */
static size_t make_exif(uint8_t *to, bool big, unsigned orientation)
{
    static const uint8_t little_bytes[] = "II*\0\10\0\0\0\2\0\17\1\2\0\4\0\0\0abc\0\22\1\3\0\1\0\0\0";
    static const uint8_t big_bytes[] = "MM\0*\0\0\0\10\0\2\1\17\0\2\0\0\0\4abc\0\1\22\0\3\0\0\0\1\0";
    size_t n = big ? sizeof big_bytes - 1 : sizeof little_bytes - 1;
    memcpy(to, big ? big_bytes : little_bytes, n);
    to[n++] = (uint8_t)orientation;
    memset(to + n, 0, 8);
    return n + 8 - (n + 8) % 2;
}

/* Where EXIF's table says that the stored picture's first row and column lie. */
static void orientations(void)
{
    /* Of the upright picture, 2 high and 3 wide, its pixels as they are stored in each case. */
    static const char *const stored[9] = {"",       "abcdef", "cbafed", "fedcba", "defabc",
                                          "adbecf", "cfbead", "fcebda", "daebfc"};
    for (unsigned k = 1; k <= 8; k++) {
        struct emo_pixels p = {.height = k < 5 ? 2 : 3, .width = k < 5 ? 3 : 2, .channels = 1};
        p.file_height = p.height;
        p.file_width = p.width;
        p.bytes = malloc(6);
        CHECK(p.bytes != NULL);
        memcpy(p.bytes, stored[k], 6);
        CHECK(emo_orient(&p, k, &err) == EMO_OK);
        CHECK(p.height == 2 && p.width == 3 && p.file_height == 2 && p.file_width == 3);
        CHECK(memcmp(p.bytes, "abcdef", 6) == 0);
        free(p.bytes);
        for (int big = 0; big < 2; big++) {
            uint8_t exif[64] = "Exif\0";
            size_t n = 6 + make_exif(exif + 6, big != 0, k);
            CHECK(emo_exif_orientation(exif, n) == k && emo_exif_orientation(exif + 6, n - 6) == k);
            for (size_t cut = 0; cut < n; cut++) { /* valgrind and ASan watch this */
                uint8_t *part = malloc(cut + 1);
                CHECK(part != NULL);
                memcpy(part, exif, cut);
                (void)emo_exif_orientation(part, cut);
                free(part);
            }
        }
    }
    puts("decode: the eight orientations");
}

/* A quarter turn, found in each format. */
static void turned(void)
{
    uint8_t exif[64] = "Exif\0";
    size_t n = make_exif(exif + 6, true, 6);
    struct file f[3] = {make_jpeg(JCS_RGB, JCS_YCbCr, false, exif, n + 6),
                        make_png(PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, exif + 6, (unsigned)n),
                        make_webp()};
    f[2].bytes = realloc(f[2].bytes, f[2].n + 8 + n);
    CHECK(f[2].bytes != NULL);
    memcpy(f[2].bytes + f[2].n, "EXIF\0\0\0", 8);
    f[2].bytes[f[2].n + 4] = (uint8_t)n;
    memcpy(f[2].bytes + f[2].n + 8, exif + 6, n);
    f[2].n += 8 + n;
    f[2].bytes[4] = (uint8_t)(f[2].n - 8);
    f[2].bytes[5] = (uint8_t)((f[2].n - 8) >> 8);
    for (int i = 0; i < 3; i++) {
        struct emo_pixels p;
        CHECK(emo_decode(f[i].bytes, f[i].n, false, 0, 0, 0, &p, &err) == EMO_OK);
        CHECK(p.height == W && p.width == H && p.file_height == W && p.file_width == H);
        /* The stored picture's top left corner is now at the top right. */
        CHECK(abs(p.bytes[(H - 1) * 3] - level(0, 0, 0)) < 6);
        free(p.bytes);
        free(f[i].bytes);
    }
    puts("decode: EXIF of JPEG, PNG and WebP");
}

/* Refused with a message that holds text, and nothing is left in p. */
static void refuses(const void *bytes, size_t n, const char *text)
{
    struct emo_pixels p;
    CHECK(emo_decode(bytes, n, false, 96, 96, 0, &p, &err) == EMO_INPUT);
    CHECK(p.bytes == NULL);
    SAID(text);
}

static void damaged(void)
{
    struct file f[3] = {make_jpeg(JCS_RGB, JCS_YCbCr, true, NULL, 0),
                        make_png(PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, NULL, 0), make_webp()};
    static const char *const said[3] = {"damaged JPEG", "damaged PNG", "damaged WebP"};
    for (int i = 0; i < 3; i++) {
        for (size_t cut = 16; cut + 2 < f[i].n; cut += 7) {
            uint8_t *part = malloc(cut);
            CHECK(part != NULL);
            memcpy(part, f[i].bytes, cut);
            refuses(part, cut, said[i]);
            free(part);
        }
    }
    /* The first scan, a thousand times over. */
    size_t scan = 0, next;
    while (memcmp(f[0].bytes + scan, "\xff\xda", 2) != 0)
        scan++;
    for (next = scan + 2; f[0].bytes[next] != 0xff || f[0].bytes[next + 1] == 0;)
        next++;
    size_t length = next - scan;
    struct file many = {malloc(scan + 1000 * length), scan};
    CHECK(many.bytes != NULL);
    memcpy(many.bytes, f[0].bytes, scan);
    for (int i = 0; i < 1000; i++, many.n += length)
        memcpy(many.bytes + many.n, f[0].bytes + scan, length);
    refuses(many.bytes, many.n, "more than 100 scans");
    free(many.bytes);
    uint8_t *header = f[1].bytes + 12; /* IHDR: name, width, height, 5 bytes, CRC */
    memcpy(header + 4, "\0\0\xea\x60\0\0\xea\x60", 8);
    uint32_t crc = emo_crc32(0, header, 17);
    for (int i = 0; i < 4; i++)
        header[17 + i] = (uint8_t)(crc >> (24 - 8 * i));
    refuses(f[1].bytes, f[1].n, "60000x60000 pixels");
    for (int i = 0; i < 3; i++)
        free(f[i].bytes);
    refuses("", 0, "empty");
    refuses("hello", 5, "not a picture");
    refuses("GIF89a..........", 16, "GIF");
    refuses("BM\0\0\0\0\0\0\0\0......", 16, "BMP");
    refuses("\0\0\0\x18" "ftypheic....", 16, "HEIC");
    refuses("\0\0\0\x18" "ftypavif....", 16, "AVIF");
    refuses("MM\0*............", 16, "TIFF");
    puts("decode: truncated at every seventh byte, 1,000 scans, other formats");
}

/* A large JPEG is decoded small, to twice what is asked for at least. */
static void scaled(void)
{
    struct file f = make_jpeg(JCS_RGB, JCS_YCbCr, false, NULL, 0);
    struct emo_pixels p;
    static const uint32_t asked[][3] = {{8, 8, H}, {4, 4, H / 2}, {2, 2, H / 4}, {4, 5, H}};
    for (size_t i = 0; i < 4; i++) {
        CHECK(emo_decode(f.bytes, f.n, false, asked[i][0], asked[i][1], 0, &p, &err) == EMO_OK);
        CHECK(p.height == asked[i][2] && p.file_height == H && p.file_width == W);
        free(p.bytes);
    }
    free(f.bytes);
    puts("decode: JPEG at a fraction of its size");
}

int main(void)
{
    jpegs();
    pngs();
    struct file f = make_webp();
    struct emo_pixels p;
    decode(&f, false, &p);
    CHECK(p.bytes[1] == level(0, 0, 1) && p.bytes[(W - 1) * 3] == 255);
    free(p.bytes);
    free(f.bytes);
    orientations();
    turned();
    damaged();
    scaled();
    return 0;
}
