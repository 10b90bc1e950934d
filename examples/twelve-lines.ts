import { AdamW, apollo, Gpt, tensor, train } from "../src/index.ts";

const text = "Apollo prepares low layers for the depth to come. ".repeat(40);
const letters = (start: number) => Int32Array.from(text.slice(start, start + 32), (letter) => letter.charCodeAt(0));
const ids = (start: number) => tensor(letters(start), { shape: [1, 32], dtype: "i32" });
const model = new Gpt({ layers: 6, hidden: 32, heads: 2, context: 32, vocabulary: 128 });
const method = apollo({ stages: [1, 3, 6], boundaries: [0.1, 0.3] }, { steps: 300, targetDepth: 6 });
const data = { batchAt: (step: number) => ({ inputs: ids(step), targets: ids(step + 1) }), tokensPerBatch: 32 };
const learning = { optimizer: new AdamW(model.parameters()), learningRate: () => 3e-3, seed: 1 };
for (const { step, loss, depth, uniqueLayers } of train({ model, method, ...data, ...learning }))
  if (step % 30 === 0)
    console.log(`step ${step}: loss ${loss.toFixed(3)} at depth ${depth} from ${uniqueLayers} unique layers`);
