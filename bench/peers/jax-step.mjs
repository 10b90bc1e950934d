/**
 * The step in jax-js on its WebAssembly backend, compiled as a whole by jit: `node bench/peers/jax-step.mjs <folder with the
 * start> <seconds>`.
 *
 * What it needed to train:
 * - Its optimizers come in no package beside its core: AdamW and clipping are written out, for jit to fuse.
 * - The gradient of numpy.take is a scatter, which jit refuses to compile here ("input is not imm"): the embedding is the
 *   product of nn.oneHot and the table.
 * - Its threads need the browser's `Worker`: node-web-worker.mjs, imported first, stands in for it; one thread without.
 */

import { readFileSync } from "node:fs";
import { blockUntilReady, init, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { measureSteps } from "./measurement.ts";
import { readStart } from "./start.ts";

const LEARNING_RATE = 1e-4;
const WEIGHT_DECAY = 0.01;
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];

const [folder, seconds] = process.argv.slice(2);
await init("wasm");
const { size, parameters, inputs, targets } = readStart(folder);
const { hidden, layers, heads, context, batch, vocabulary } = size;
const tokens = batch * context;

// Functions consume the arrays that they are given, so every use of an array but its last takes a `.ref`.

function linear(x, { weight, bias }) {
  return np.matmul(x, weight).add(bias);
}

function layerNorm(x, { weight, bias }) {
  return nn.standardize(x, -1).mul(weight).add(bias);
}

/** [BT, C] → [BT, C] */
function attention(x, { qkv, output }) {
  const [q, k, v] = np
    .split(linear(x, qkv), 3, -1)
    .map((part) => part.reshape([batch, context, heads, hidden / heads]));
  const attended = nn.dotProductAttention(q, k, v, { isCausal: true });
  return linear(attended.reshape([tokens, hidden]), output);
}

function loss(model, ids, labels) {
  const table = model.tokenEmbedding.weight;
  let x = np
    .matmul(nn.oneHot(ids, vocabulary), table.ref)
    .reshape([batch, context, hidden])
    .add(model.positionEmbedding.weight)
    .reshape([tokens, hidden]);
  for (const block of model.blocks) {
    x = x.ref.add(attention(layerNorm(x, block.attentionNorm), block.attention));
    const inner = nn.gelu(linear(layerNorm(x.ref, block.feedForwardNorm), block.feedForward.up), {
      approximate: false,
    });
    x = x.add(linear(inner, block.feedForward.down));
  }
  const logits = np.matmul(layerNorm(x, model.finalNorm), np.transpose(table)); // [BT, V]
  return np.sum(nn.logSoftmax(logits, -1).mul(nn.oneHot(labels, vocabulary))).mul(-1 / tokens);
}

/** One update. The corrections are 1/(1 − βᵗ). */
const update = jit(({ model, m, v }, { correction1, correction2 }, ids, labels) => {
  const [value, gradients] = valueAndGrad(loss)(tree.ref(model), ids, labels);
  const squares = tree.leaves(gradients).map((gradient) => np.sum(np.square(gradient.ref)));
  const norm = np.sqrt(squares.reduce((sum, square) => sum.add(square)));
  const scale = np.minimum(1, np.reciprocal(norm.ref.add(1e-6)));
  const clipped = tree.map((gradient) => gradient.mul(scale.ref), gradients);
  scale.dispose();
  const nextM = tree.map((m, g) => m.mul(BETA1).add(g.ref.mul(1 - BETA1)), m, clipped);
  const nextV = tree.map((v, g) => v.mul(BETA2).add(np.square(g).mul(1 - BETA2)), v, clipped);
  const nextModel = tree.map(
    (parameter, m, v) => {
      const direction = m.ref.mul(correction1.ref).div(np.sqrt(v.ref.mul(correction2.ref)).add(EPSILON));
      return parameter.mul(1 - LEARNING_RATE * WEIGHT_DECAY).sub(direction.mul(LEARNING_RATE));
    },
    model,
    nextM,
    nextV,
  );
  correction1.dispose();
  correction2.dispose();
  return { state: { model: nextModel, m: nextM, v: nextV }, loss: value, norm };
});

/** The parameters as a tree: "blocks.0.attention.qkv.weight" is at blocks[0].attention.qkv.weight. */
function firstModel() {
  const model = { blocks: Array.from({ length: layers }, () => ({})) };
  for (const [name, { shape, values }] of parameters) {
    const path = name.split(".");
    const last = path.pop();
    const place = path.reduce((node, key) => (node[key] ??= {}), model);
    place[last] = np.array(values).reshape(shape);
  }
  return model;
}

const model = firstModel();
let state = {
  m: tree.map((parameter) => np.zeros(parameter.shape), tree.ref(model)),
  v: tree.map((parameter) => np.zeros(parameter.shape), tree.ref(model)),
  model,
};
const ids = np.array(inputs);
const labels = np.array(targets);
let updates = 0;

async function step() {
  updates++;
  const corrections = {
    correction1: np.array(1 / (1 - BETA1 ** updates)),
    correction2: np.array(1 / (1 - BETA2 ** updates)),
  };
  const result = update(state, corrections, ids.ref, labels.ref);
  state = await blockUntilReady(result.state);
  return { loss: (await result.loss.data())[0], gradientNorm: (await result.norm.data())[0] };
}

const { version } = JSON.parse(readFileSync(new URL("node_modules/@jax-js/jax/package.json", import.meta.url), "utf8"));
const threads = typeof Worker === "undefined" ? "1 thread" : `${navigator.hardwareConcurrency} workers`;
await measureSteps({
  description: `jax-js ${version}, wasm, jit, ${threads}, Node ${process.versions.node}`,
  seconds: Number(seconds),
  step,
});
// Workers would keep the process alive.
process.exit();
