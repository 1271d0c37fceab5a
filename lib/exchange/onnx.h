/*
 * Models as ONNX, opset 13, IR version 7.
 *
 * Input `images`, uint8 [batch, height, width, channels]: the division by 255
 * is in the graph. Output `probabilities`, float32 [batch, classes], in the
 * order of the classes, which metadata_props names as a JSON array.
 *
 * The bytes are those of Protocol Buffers; the numbers of the fields are from
 * onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto,
 * ValueInfoProto).
 */
#ifndef EMO_EXCHANGE_ONNX_H
#define EMO_EXCHANGE_ONNX_H

#include "base/file.h"
#include "exchange/weights.h"

/* A message of Protocol Buffers holds no more. */
#define EMO_CAP_ONNX ((UINT64_C(1) << 31) - 1)

/* Leaves committing to the caller. EMO_INPUT: larger than the format can be. */
int emo_onnx_write(const struct emo_weights *w, struct emo_output *output, struct emo_error *err);

#endif
