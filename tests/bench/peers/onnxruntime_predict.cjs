// Scores images with onnxruntime, a batch at a time; prints the seconds it took.
//
// usage: NODE_PATH=.../node_modules node onnxruntime_predict.cjs MODEL.onnx HxW IMAGES BATCH THREADS
//
// The pixels are noise: how long it takes does not depend on them. The first batch does not count.
const ort = require("onnxruntime-node");

// The batch in place of the first dimension, and in place of others that the model leaves open.
function tensor(metadata, batch, height, width) {
  const channelsFirst = metadata.shape[1] === 3;
  const open = channelsFirst ? [batch, 3, height, width] : [batch, height, width, 3];
  const dims = metadata.shape.map((d, i) => (i > 0 && typeof d === "number" && d > 0 ? d : open[i]));
  const count = dims.reduce((a, b) => a * b, 1);
  const pixel = () => Math.floor(Math.random() * 256);
  if (metadata.type === "uint8") {
    return new ort.Tensor("uint8", Uint8Array.from({ length: count }, pixel), dims);
  }
  return new ort.Tensor("float32", Float32Array.from({ length: count }, () => pixel() / 255), dims);
}

async function main() {
  const [model, size, ...numbers] = process.argv.slice(2);
  const [height, width] = size.split("x").map(Number);
  const [images, batch, threads] = numbers.map(Number);
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads });
  const input = tensor(session.inputMetadata[0], batch, height, width);
  const feeds = { [session.inputNames[0]]: input };
  await session.run(feeds);
  const start = process.hrtime.bigint();
  for (let i = 0; i < images; i += batch) {
    await session.run(feeds);
  }
  // Whole batches were scored: take the part that was asked for.
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(((seconds * images) / (Math.ceil(images / batch) * batch)).toFixed(6));
}

main();
