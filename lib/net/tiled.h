/*
 * A backend for machines with tiles (AMX): the convolutions that kernels/conv.h is quicker at, and
 * oneDNN for the others. It describes itself as oneDNN does.
 */
#ifndef EMO_NET_TILED_H
#define EMO_NET_TILED_H

#include "net/backend.h"

/* NULL when built without oneDNN. */
const struct emo_backend *emo_backend_tiled(void);

#endif
