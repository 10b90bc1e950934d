import { evaluateOn, fineTuneInto, readTask } from "../src/finetune/index.ts";
import { fromPretrained, savePretrained } from "../src/lab/index.ts";

const { model, tokenizer } = fromPretrained("models/gpt", { as: "causal-lm" });
savePretrained("models/copy", { model, tokenizer });

const task = readTask("sentiment");
const options = { epochs: 3, batch: 16, weightDecay: 0.01, dropout: 0.1, probe: false, seeds: [0] };
await fineTuneInto(task, { ...options, from: "models/copy", folder: "models/praise" });
for (const { set, evaluated } of evaluateOn("models/praise", task)) console.log(set, evaluated.scores);
