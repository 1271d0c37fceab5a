/* Output folders: whole or not at all, and no name leads out of them or stands for two. */
#include "base/folder.h"
#include "check.h"
#include "exchange/pictures.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Entries of the present directory that begin with prefix. */
static int entries(const char *prefix)
{
    int n = 0;
    DIR *d = opendir(".");
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    closedir(d);
    return n;
}

static void safe(const char *name, size_t n, const char *want)
{
    struct emo_text out = {0};
    emo_folder_safe(&out, name, n);
    if (out.bytes == NULL || strcmp(out.bytes, want) != 0)
        fprintf(stderr, "%s became %s\n", name, out.bytes);
    CHECK(out.bytes != NULL && strcmp(out.bytes, want) == 0);
    emo_text_free(&out);
}
#define SAFE(name, want) safe(name, sizeof name - 1, want)

static void test_names(void)
{
    struct emo_text out = {0};
    static char many[70000];
    SAFE("a b.c", "a b.c");
    SAFE("caf\xc3\xa9", "caf\xc3\xa9");
    SAFE("caf\xe9", "caf%E9");
    SAFE(".", "%2E");
    SAFE("..", "%2E.");
    SAFE("-rf", "%2Drf");
    SAFE("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd");
    SAFE("a\\b:c*d?e\"f<g>h|i%j", "a%5Cb%3Ac%2Ad%3Fe%22f%3Cg%3Eh%7Ci%25j");
    SAFE("a\nb\0c\x7f", "a%0Ab%00c%7F");
    SAFE("", "%");
    for (size_t i = 0; i < sizeof many; i += 2)
        memcpy(many + i, "\xc3\xa4", 2);
    emo_folder_safe(&out, many, sizeof many);
    CHECK(out.length <= 200 && emo_is_utf8(out.bytes, out.length));
    emo_text_free(&out);
}

static int put(struct emo_folder *f, const char *within, const char *name, uint64_t id,
               const char *suffix)
{
    struct emo_text path = {0};
    int fd, status = emo_folder_create(f, within, name, id, suffix, &path, &fd, &err);
    CHECK((status == EMO_OK) == (fd >= 0) && (fd < 0 || close(fd) == 0));
    emo_text_free(&path);
    return status;
}

static void test_folder(void)
{
    struct emo_folder *f, *g;
    struct emo_text name = {0};
    CHECK(emo_folder_open(&f, "unit-folder//", &err) == EMO_OK);
    CHECK(!there("unit-folder") && entries(".unit-folder.emo-") == 1);
    emo_text_printf(&name, "k");
    CHECK(emo_folder_make(f, &name, 7, &err) == EMO_OK && strcmp(name.bytes, "k") == 0);
    CHECK(emo_folder_make(f, &name, 7, &err) == EMO_OK && strcmp(name.bytes, "k-7") == 0);
    for (int i = 0; i < 3; i++) /* a, a-5, a-5-2 */
        CHECK(put(f, "k", "a", 5, ".x") == EMO_OK);
    CHECK(put(f, NULL, "k", 6, "") == EMO_OK); /* k is a folder */
    CHECK(put(f, "nosuch", "a", 6, "") == EMO_FAILED);
    CHECK(emo_folder_commit(f, &err) == EMO_OK);
    CHECK(there("unit-folder/k/a.x") && there("unit-folder/k/a-5.x") &&
          there("unit-folder/k/a-5-2.x") && there("unit-folder/k-6") && there("unit-folder/k-7"));
    CHECK(entries(".unit-folder.emo-") == 0);

    /* What is there stays. */
    CHECK(emo_folder_open(&g, "unit-folder", &err) == EMO_FAILED);
    SAID("is there already");
    CHECK(emo_folder_open(&g, "unit-folder/k-6", &err) == EMO_FAILED);
    CHECK(emo_folder_open(&g, "unit-nosuch/x", &err) == EMO_FAILED);
    /* An empty folder is filled. */
    CHECK(emo_folder_open(&g, "unit-folder/k-7", &err) == EMO_OK);
    CHECK(put(g, NULL, "b", 0, "") == EMO_OK);
    CHECK(emo_folder_commit(g, &err) == EMO_OK && there("unit-folder/k-7/b"));

    /* Two runs at once do not take each other's for stale; the first to end has the name. */
    CHECK(emo_folder_open(&f, "unit-other", &err) == EMO_OK);
    CHECK(emo_folder_open(&g, "unit-other", &err) == EMO_OK);
    CHECK(put(f, NULL, "f", 0, "") == EMO_OK);
    CHECK(put(g, NULL, "g", 0, "") == EMO_OK);
    CHECK(emo_folder_commit(f, &err) == EMO_OK);
    CHECK(emo_folder_commit(g, &err) == EMO_FAILED);
    CHECK(there("unit-other/f") && !there("unit-other/g") && entries(".unit-other.emo-") == 0);

    /* What is given up goes, and what a killed run left. */
    CHECK(mkdir(".unit-third.emo-abcdef", 0700) == 0 &&
          mkdir(".unit-third.emo-abcdef/k", 0700) == 0);
    int fd = open(".unit-third.emo-abcdef/k/x", O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(emo_folder_open(&f, "unit-third", &err) == EMO_OK);
    CHECK(entries(".unit-third.emo-") == 1 && !there(".unit-third.emo-abcdef"));
    name.length = 0;
    emo_text_printf(&name, "k");
    CHECK(emo_folder_make(f, &name, 0, &err) == EMO_OK);
    CHECK(put(f, "k", "x", 0, "") == EMO_OK);
    emo_folder_discard(f);
    CHECK(entries(".unit-third.emo-") == 0 && !there("unit-third"));
    emo_text_free(&name);
}

/* Classes and names that would lead anywhere else. */
static void test_pictures(void)
{
    static const char *const classes[] = {"", ".", "..", "../x", "/tmp", "a", "a%"};
    static const char *const names[] = {"../../up.jpg", "/etc/passwd", "..", "a/..", "a.JPEG",
                                        "b/a.png", ""};
    struct emo_folder *f;
    struct emo_pictures p = {0};
    struct emo_head head;
    struct emo_record r = {0};
    emo_head_begin(&head, EMO_IMAGES);
    CHECK(emo_head_set_classes(&head, classes, 7, &err) == EMO_OK);
    CHECK(emo_folder_open(&f, "unit-pictures", &err) == EMO_OK);
    CHECK(emo_pictures_open(&p, f, &head, &err) == EMO_OK);
    for (unsigned i = 0; i < 49; i++) {
        emo_record_shape(&r, EMO_U8, EMO_HWC, 3, (uint32_t[]){1, 1, 1});
        r.payload = &classes;
        r.id = i;
        r.label = (int16_t)(i % 7);
        emo_metadata_set_text(&r.metadata, "name", names[i / 7], strlen(names[i / 7]));
        CHECK(emo_pictures_put(&p, &r, &err) == EMO_OK);
    }
    emo_record_shape(&r, EMO_U8, EMO_HWC, 3, (uint32_t[]){1, 1, 2});
    CHECK(emo_pictures_put(&p, &r, &err) == EMO_INPUT);
    emo_pictures_close(&p);
    CHECK(emo_folder_commit(f, &err) == EMO_OK);
    CHECK(there("unit-pictures/%2E./up.png") && there("unit-pictures/%2E/passwd.png"));
    CHECK(there("unit-pictures/%/%2E..png") && there("unit-pictures/%2Ftmp/a.png"));
    CHECK(there("unit-pictures/a/a.png") && there("unit-pictures/a/a-40.png"));
    CHECK(there("unit-pictures/a%25/00000048.png"));
    emo_record_free(&r);
    emo_head_free(&head);
}

int main(void)
{
    CHECK(system("rm -rf unit-folder unit-other unit-third unit-pictures .unit-*.emo-*") == 0);
    test_names();
    test_folder();
    test_pictures();
    CHECK(system("rm -rf unit-folder unit-other unit-third unit-pictures") == 0);
    return 0;
}
