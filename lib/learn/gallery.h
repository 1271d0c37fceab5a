/*
 * The images of a contact sheet, in sections: the classes, or the groups of a file. Thumbnails and
 * captions are made as the images come, and of each section only those are kept that are to be
 * shown.
 */
#ifndef EMO_LEARN_GALLERY_H
#define EMO_LEARN_GALLERY_H

#include "base/option.h"
#include "image/sheet.h"
#include "learn/names.h"
#include "metrics/scores.h"
#include "stream/head.h"
#include "stream/record.h"

struct emo_gallery_rules {
    struct emo_shape thumb; /* images are made to fit into it, in their own shape */
    uint64_t limit;         /* of each section; 0: all */
    bool mistakes;          /* the surest mistakes first, then the least sure that are right, then
                               those without a score; else as they come */
    uint32_t columns;       /* of a class, or with groups of the sheet; 0: as it looks well */
    uint64_t memory;        /* bytes that all thumbnails may take */
    /* These three stay the caller's and outlive the gallery. */
    const struct emo_head *head;          /* its classes are the sections, unless */
    const struct emo_group_file *groups;  /* not NULL: its groups of two names and more are */
    const struct emo_scores *scores;      /* with names; NULL: captions say nothing of them */
    uint64_t groups_most;                 /* at most so many groups; 0: all */
};

struct emo_gallery;

int emo_gallery_open(struct emo_gallery **g, const struct emo_gallery_rules *rules,
                     struct emo_error *err);
void emo_gallery_close(struct emo_gallery *g);

/* An image, checked by emo_record_check_image(). EMO_FAILED: the thumbnails take more than
   rules.memory. */
int emo_gallery_add(struct emo_gallery *g, const struct emo_record *r, struct emo_error *err);

/* After the last image, once: the sheet of all that is shown, which lies in the gallery. Where
   nothing is, it says so. */
int emo_gallery_sheet(struct emo_gallery *g, struct emo_sheet *sheet, struct emo_error *err);

/* Then: the images and the sections that are shown; and the images that came and had no score. */
uint64_t emo_gallery_shown(const struct emo_gallery *g);
size_t emo_gallery_sections(const struct emo_gallery *g);
uint64_t emo_gallery_unscored(const struct emo_gallery *g);

#endif
