// Scores of the images of ARRAYS.npy (uint8, N x H x W x C) by MODEL.onnx, through onnxruntime: a line
// an image, the probabilities in it.  usage: node onnx_convert.mjs NODE_MODULES MODEL ARRAYS
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, model, arrays] = process.argv.slice(2);
const ort = createRequire(modules + "/")("onnxruntime-node");
const bytes = readFileSync(arrays);
const start = 10 + bytes.readUInt16LE(8);
const shape = /'shape': \(([^)]*)\)/.exec(bytes.subarray(10, start).toString())[1];
const dims = shape.split(",").map(Number);
const session = await ort.InferenceSession.create(model);
if (session.inputNames.join() !== "images" || session.outputNames.join() !== "probabilities")
    throw new Error("other inputs or outputs");
const size = dims[1] * dims[2] * dims[3];
for (let at = 0; at < dims[0]; at += 7) {
    const n = Math.min(7, dims[0] - at);
    const part = new Uint8Array(bytes.subarray(start + at * size, start + (at + n) * size));
    const images = new ort.Tensor("uint8", part, [n, ...dims.slice(1)]);
    const { probabilities } = await session.run({ images });
    const k = probabilities.dims[1];
    for (let i = 0; i < n; i++)
        console.log([...probabilities.data.subarray(i * k, (i + 1) * k)].join("\t"));
}
