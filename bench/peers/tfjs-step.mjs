/**
 * The step in TensorFlow.js on its WebAssembly backend:
 * `node bench/peers/tfjs-step.mjs <folder with the start> <seconds> [--transpose]`.
 *
 * What it needed to train at all, found by comparing losses with the other frameworks:
 * - The gradient of tf.gather is tf.unsortedSegmentSum, a kernel that the backend lacks: the embedding has a gradient of its
 *   own here, tf.scatterND, which adds up rows with equal indices.
 * - tf.oneHot with dtype "float32" yields zeros on this backend: it is made of integers and cast.
 * - There is neither AdamW nor clipping by the global norm: weights decay before tf.train.adam applies the clipped gradients.
 * - LayerNorm and GELU are compositions, as in the layers package.
 * - Threads are off in Node: the backend asks only outside of Node whether there are any.
 *
 * `--transpose` is a kindness that no documentation teaches: only products of operands as they lie run on the backend's fast
 * kernel, products with a transposed operand on a naive one, and every gradient of a product has one. With it, operands are
 * transposed by hand.
 */

import * as tf from "@tensorflow/tfjs";
import { getThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import { measureSteps } from "./measurement.ts";
import { readStart } from "./start.ts";

const LEARNING_RATE = 1e-4;
const WEIGHT_DECAY = 0.01;

const [folder, seconds, flag] = process.argv.slice(2);
const transposesByHand = flag === "--transpose";
await tf.setBackend("wasm");
const { size, parameters, inputs, targets } = readStart(folder);
const { hidden, layers, heads, context, batch, vocabulary } = size;
const headSize = hidden / heads;

const variables = new Map(
  [...parameters].map(([name, { shape, values }]) => [name, tf.variable(tf.tensor(values, shape), true, name)]),
);
const parameter = (name) => variables.get(name);
const ids = tf.tensor1d(inputs, "int32");
const labels = tf.cast(tf.oneHot(tf.tensor1d(targets, "int32"), vocabulary), "float32");
/** [T, T]; 0 where a token sees another, a very negative number where it lies ahead. */
const causalMask = tf.tidy(() => {
  const positions = tf.range(0, context);
  return tf.mul(tf.cast(tf.greater(positions, tf.expandDims(positions, 1)), "float32"), -1e9);
});

/** Rows of a table [V, C] → [BT, C]. */
const embedding = tf.customGrad((table) => ({
  value: tf.gather(table, ids),
  gradFunc: (gradient) => tf.scatterND(tf.expandDims(ids, 1), gradient, table.shape),
}));

/** The last two axes swapped, in memory. */
function transposed(x) {
  const axes = [...x.shape.keys()];
  return tf.transpose(x, [...axes.slice(0, -2), axes.at(-1), axes.at(-2)]);
}

const plainProduct = tf.customGrad((a, b, save) => {
  save([a, b]);
  return {
    value: tf.matMul(a, b),
    gradFunc: (gradient, [a, b]) => [tf.matMul(gradient, transposed(b)), tf.matMul(transposed(a), gradient)],
  };
});

function product(a, b, transposeB = false) {
  if (!transposesByHand) return tf.matMul(a, b, false, transposeB);
  return plainProduct(a, transposeB ? transposed(b) : b);
}

function linear(x, name) {
  const weight = parameter(`${name}.weight`);
  const bias = parameter(`${name}.bias`);
  return transposesByHand ? tf.add(product(x, weight), bias) : tf.fused.matMul({ a: x, b: weight, bias });
}

function layerNorm(x, name) {
  const { mean, variance } = tf.moments(x, -1, true);
  const normalized = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
  return tf.add(tf.mul(normalized, parameter(`${name}.weight`)), parameter(`${name}.bias`));
}

function gelu(x) {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}

/** [BT, C] → [BT, C] */
function attention(x, name) {
  const byHead = (part) => tf.transpose(tf.reshape(part, [batch, context, heads, headSize]), [0, 2, 1, 3]);
  const [q, k, v] = tf.split(linear(x, `${name}.qkv`), 3, -1).map(byHead); // [B, H, T, C/H]
  const scores = tf.mul(product(q, k, true), 1 / Math.sqrt(headSize));
  const attended = product(tf.softmax(tf.add(scores, causalMask)), v);
  const joined = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [batch * context, hidden]);
  return linear(joined, `${name}.output`);
}

function loss() {
  const table = parameter("tokenEmbedding.weight");
  const tokens = tf.reshape(embedding(table), [batch, context, hidden]);
  let x = tf.reshape(tf.add(tokens, parameter("positionEmbedding.weight")), [batch * context, hidden]);
  for (let layer = 0; layer < layers; layer++) {
    const block = `blocks.${layer}`;
    x = tf.add(x, attention(layerNorm(x, `${block}.attentionNorm`), `${block}.attention`));
    const inner = gelu(linear(layerNorm(x, `${block}.feedForwardNorm`), `${block}.feedForward.up`));
    x = tf.add(x, linear(inner, `${block}.feedForward.down`));
  }
  const logits = product(layerNorm(x, "finalNorm"), table, true);
  return tf.losses.softmaxCrossEntropy(labels, logits);
}

const adam = tf.train.adam(LEARNING_RATE, 0.9, 0.999, 1e-8);

function step() {
  return tf.tidy(() => {
    const { value, grads } = tf.variableGrads(loss);
    const squares = Object.values(grads).map((gradient) => tf.sum(tf.square(gradient)));
    const norm = tf.sqrt(tf.addN(squares));
    const scale = tf.minimum(1, tf.div(1, tf.add(norm, 1e-6)));
    const clipped = Object.fromEntries(
      Object.entries(grads).map(([name, gradient]) => [name, tf.mul(gradient, scale)]),
    );
    for (const variable of variables.values()) variable.assign(tf.mul(variable, 1 - LEARNING_RATE * WEIGHT_DECAY));
    adam.applyGradients(clipped);
    return { loss: value.dataSync()[0], gradientNorm: norm.dataSync()[0] };
  });
}

const simd = (await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT")) ? "SIMD" : "no SIMD";
await measureSteps({
  description: `TensorFlow.js ${tf.version.tfjs}, wasm, ${simd}, ${getThreadsCount()} thread(s), Node ${process.versions.node}`,
  seconds: Number(seconds),
  step,
});
