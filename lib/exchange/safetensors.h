/*
 * Models as safetensors, both ways.
 *
 * A file is the length of a header, u64; the header, a JSON object of each
 * tensor's dtype, shape and data_offsets, padded with blanks to a multiple of
 * 8; and the tensors, without gaps.
 *
 * Tensors: the parameters under their names, F32, and `emo.origins`, I64.
 * __metadata__: `emo.layout`, torch or keras; `emo.head`, the text of the
 * model's HEAD, in which bytes that are not UTF-8 are escaped; `format`, pt or
 * np, for those who look for it.
 */
#ifndef EMO_EXCHANGE_SAFETENSORS_H
#define EMO_EXCHANGE_SAFETENSORS_H

#include "base/file.h"
#include "exchange/import.h"
#include "exchange/weights.h"

/* Bytes of a header: the HEAD of a model is no longer. */
#define EMO_CAP_SAFETENSORS_HEADER (64u << 20)

/* Leaves committing to the caller. */
int emo_safetensors_write(const struct emo_weights *w, enum emo_layout layout,
                          struct emo_output *output, struct emo_error *err);

/* EMO_INPUT: damaged; without __metadata__ that tells the network; a tensor missing, unknown,
   misshapen or not F32. */
extern const struct emo_import emo_import_safetensors;

#endif
