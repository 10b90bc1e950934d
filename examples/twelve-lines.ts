import { AdamW, Gpt, Random, scope, tensor } from "../src/index.ts";

const text = "apollo prepares low layers for the depth to come. ".repeat(40);
const model = new Gpt({ layers: 2, hidden: 32, heads: 2, context: 32, vocabulary: 128, seed: 1 }).train();
const optimizer = new AdamW(model.parameters());
const random = new Random(1);
for (let step = 1; step <= 150; step++) {
  const start = random.integer(text.length - 33);
  const ids = Int32Array.from(text.slice(start, start + 33), (letter) => letter.charCodeAt(0));
  const part = (from: number) => tensor(ids.slice(from, from + 32), { shape: [1, 32], dtype: "i32" });
  // Letters 0 … 31 predict letters 1 … 32. One layer is used twice: it receives both gradients.
  const [low, high] = model.blocks.map((block) => ({ block, branchScale: 1 }));
  const loss = scope(() => {
    const value = model.loss({ inputs: part(0), targets: part(1) }, { path: [low, low, high] });
    value.backward();
    return value.item();
  });
  optimizer.step({ learningRate: 3e-3 });
  model.zeroGrad();
  if (step % 30 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);
}
