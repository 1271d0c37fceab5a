/*
 * PNG files in folders that are called as the classes, both ways.
 *
 * Out: CLASS/NAME.png, where NAME is the last part of the record's name, made
 * safe; an augmented one "NAME-eEPOCH.png"; without a name, the id. What has no
 * label lies beside the folders.
 *
 * In: as emo-unzip finds them, but PNG only, at the size they have, which must
 * be one for all.
 */
#ifndef EMO_EXCHANGE_PICTURES_H
#define EMO_EXCHANGE_PICTURES_H

#include "base/folder.h"
#include "exchange/import.h"
#include "stream/reader.h"

struct emo_pictures {
    struct emo_folder *folder;
    char **classes; /* the names of their folders */
    size_t class_count;
    struct emo_text name, path;
};

/* Makes the folder of each class. Zero-initialise p; close it at any time, before the folder is
   committed or discarded. */
int emo_pictures_open(struct emo_pictures *p, struct emo_folder *folder,
                      const struct emo_head *head, struct emo_error *err);
/* EMO_INPUT: not an image of 1 or 3 channels. */
int emo_pictures_put(struct emo_pictures *p, const struct emo_record *image,
                     struct emo_error *err);
void emo_pictures_close(struct emo_pictures *p);

extern const struct emo_import emo_import_png;

#endif
