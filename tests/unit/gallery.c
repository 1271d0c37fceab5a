/* What a contact sheet says of a group: where labels differ, and which splits it lies in. */
#include "check.h"

#include "learn/gallery.h"

#define MOST 3

struct image {
    int16_t label;
    uint8_t split;
};

/* The note under the heading of a group of n images, or "". */
static void note(const char *want, size_t n, const struct image *images)
{
    static const char *const names[] = {"first", "second"};
    static const char *const files[MOST] = {"a", "b", "c"};
    uint8_t pixels[3] = {0};
    struct emo_head head = {0};
    struct emo_group_file *groups;
    struct emo_gallery *g;
    struct emo_sheet sheet;
    FILE *f = fopen("groups.tsv", "w");
    CHECK(f != NULL && fputs("name\tgroup\na\t1\nb\t1\nc\t1\n", f) >= 0 && fclose(f) == 0);
    emo_head_begin(&head, EMO_IMAGES);
    CHECK(emo_head_set_classes(&head, names, 2, &err) == EMO_OK);
    CHECK(emo_group_file_open(&groups, "groups.tsv", &err) == EMO_OK);
    const struct emo_gallery_rules rules = {.thumb = {1, 1}, .memory = 1 << 20, .head = &head,
                                            .groups = groups};
    CHECK(emo_gallery_open(&g, &rules, &err) == EMO_OK);
    for (size_t i = 0; i < n; i++) {
        struct emo_record r = {.id = i, .label = images[i].label, .split = images[i].split,
                               .payload = pixels, .payload_length = 3};
        emo_record_shape(&r, EMO_U8, EMO_HWC, 3, (uint32_t[]){1, 1, 3});
        emo_metadata_set_text(&r.metadata, "name", files[i], 1);
        CHECK(emo_gallery_add(g, &r, &err) == EMO_OK);
        emo_record_free(&r);
    }
    CHECK(emo_gallery_sheet(g, &sheet, &err) == EMO_OK && sheet.count == 1);
    const char *said = sheet.blocks[0].note != NULL ? sheet.blocks[0].note : "";
    if (strcmp(said, want) != 0)
        printf("\"%s\", not \"%s\"\n", said, want);
    CHECK(strcmp(said, want) == 0);
    emo_gallery_close(g);
    emo_group_file_close(groups);
    emo_head_free(&head);
    CHECK(remove("groups.tsv") == 0);
}

int main(void)
{
    note("", 2, (const struct image[]){{0, EMO_TRAIN}, {0, EMO_TRAIN}});
    note("labels differ", 2, (const struct image[]){{0, EMO_TRAIN}, {1, EMO_TRAIN}});
    note("labels differ", 3, (const struct image[]){{1, 0}, {-1, 0}, {0, 0}});
    note("in train and valid", 2, (const struct image[]){{1, EMO_TRAIN}, {1, EMO_VALID}});
    note("labels differ; in train and test", 3,
         (const struct image[]){{0, EMO_TEST}, {0, EMO_TRAIN}, {1, EMO_TEST}});
    /* An image that has no label, or no split, contradicts none. */
    note("", 3, (const struct image[]){{-1, EMO_TRAIN}, {0, EMO_SPLIT_NONE}, {0, EMO_TRAIN}});
    return 0;
}
