import { readFileSync } from "node:fs";
import { expect } from "chai";
import { readConfig } from "../../src/pretrained/config.ts";

const read = (content: unknown, options: object = {}) => readConfig(content, { source: "config.json", ...options });

describe("config.json", () => {
  it("has the values of Hugging Face's classes where it says nothing", () => {
    expect(read({ model_type: "gpt2" })).to.deep.equal({
      kind: { family: "gpt", use: "causal-lm" },
      outputs: 0,
      options: {
        ...{ layers: 12, hidden: 768, heads: 12, context: 1024, vocabulary: 50257, inner: 3072 },
        ...{ activation: "gelu-tanh", epsilon: 1e-5, dropout: 0.1 },
      },
    });
    expect(read({ model_type: "bert" })).to.deep.equal({
      kind: { family: "bert", use: "masked-lm" },
      outputs: 0,
      options: {
        ...{ layers: 12, hidden: 768, heads: 12, context: 512, vocabulary: 30522, inner: 3072 },
        ...{ activation: "gelu", epsilon: 1e-12, dropout: 0.1, headDropout: 0.1 },
      },
    });
  });

  it("reads what real files say besides", () => {
    const { labels, outputs, problemType, options } = read({
      ...{ model_type: "bert", architectures: ["BertForSequenceClassification"], id2label: { 1: "b", 0: "a" } },
      ...{ problem_type: "single_label_classification", classifier_dropout: 0.25, transformers_version: "4.6.0" },
      ...{ hidden_act: "gelu_new", gradient_checkpointing: false, tie_word_embeddings: true },
    });
    expect({ labels, outputs, problemType }).to.deep.equal({
      labels: ["a", "b"],
      outputs: 2,
      problemType: "single_label_classification",
    });
    expect(options).to.include({ headDropout: 0.25, dropout: 0.1, activation: "gelu-tanh" });
    const numbered = { model_type: "bert", architectures: ["BertForTokenClassification"], num_labels: 7 };
    expect(read(numbered).outputs).to.equal(7);
    expect(read(numbered).kind).to.include({ family: "bert", use: "token-classification" });
    expect(read({ model_type: "bert", architectures: ["BertForPreTraining"] }).kind.use).to.equal("masked-lm");
    const causal = { model_type: "gpt2", architectures: ["GPT2ForSequenceClassification"], num_labels: 3 };
    expect(read(causal).outputs).to.equal(3);
    expect(read(causal).kind).to.include({ family: "gpt", use: "sequence-classification" });
    expect(read({ model_type: "bert" }, { as: "question-answering" }).options).to.include({ headDropout: 0 });
    const uneven = { model_type: "gpt2", attn_pdrop: 0.2 };
    expect(read(uneven, { dropout: 0 }).options.dropout).to.equal(0);
    expect(() => read(uneven)).to.throw(
      "config.json: resid_pdrop 0.1, embd_pdrop 0.1, attn_pdrop 0.2; here there is one dropout for all of them, which can be given when reading",
    );
  });

  it("is read as what it is asked for, if there is such a thing", () => {
    expect(read({ model_type: "bert" }, { as: "token-classification" }).outputs).to.equal(2);
    expect(() => read({ model_type: "bert" }, { as: "toString" })).to.throw(
      "config.json: it can be read as causal-lm, masked-lm, sequence-classification, token-classification, question-answering, not as toString",
    );
    expect(() => read({ model_type: "bert" }, { as: "causal-lm" })).to.throw(
      'config.json: model_type is "bert"; it cannot be read as causal-lm',
    );
  });

  const refused: [content: unknown, complaint: string][] = [
    [[], "it is no JSON object"],
    [null, "it is no JSON object"],
    [{}, "model_type is undefined; only gpt2 and bert are read"],
    [{ model_type: "llama" }, 'model_type is "llama"; only gpt2 and bert are read'],
    [{ model_type: 3 }, "model_type is 3; a text is needed"],
    [
      { model_type: "gpt2", architectures: ["BertForMaskedLM"] },
      'model_type is "gpt2"; it cannot be read as BertForMaskedLM',
    ],
    [
      { model_type: "gpt2", architectures: ["BertForSequenceClassification"] },
      'model_type is "gpt2"; it cannot be read as BertForSequenceClassification',
    ],
    [
      { model_type: "bert", architectures: ["GPT2ForSequenceClassification"] },
      'model_type is "bert"; it cannot be read as GPT2ForSequenceClassification',
    ],
    [
      { model_type: "bert", architectures: ["BertForNextSentencePrediction"] },
      'architectures is ["BertForNextSentencePrediction"]; of these classes there are GPT2LMHeadModel, BertForMaskedLM',
    ],
    [{ model_type: "bert", architectures: ["constructor"] }, 'architectures is ["constructor"]'],
    [
      { model_type: "gpt2", activation_function: "relu" },
      'activation_function is "relu"; only gelu_new, gelu_pytorch_tanh, gelu, gelu_python can be computed here',
    ],
    [
      { model_type: "bert", hidden_act: "gelu_new" },
      'hidden_act is "gelu_new"; only gelu, gelu_python can be computed here',
    ],
    [{ model_type: "bert", hidden_act: "toString" }, 'hidden_act is "toString"'],
    [
      { model_type: "gpt2", tie_word_embeddings: false },
      "tie_word_embeddings is false; only true can be computed here",
    ],
    [
      { model_type: "gpt2", scale_attn_by_inverse_layer_idx: true },
      "scale_attn_by_inverse_layer_idx is true; only false",
    ],
    [{ model_type: "bert", type_vocab_size: 3 }, "type_vocab_size is 3; only 2 can be computed here"],
    [
      { model_type: "bert", position_embedding_type: "relative_key" },
      'position_embedding_type is "relative_key"; only "absolute"',
    ],
    [{ model_type: "bert", is_decoder: true }, "is_decoder is true; only false can be computed here"],
    [{ model_type: "bert", hidden_size: 0 }, "hidden_size is 0; a whole number from 1 is needed"],
    [{ model_type: "gpt2", n_layer: "12" }, 'n_layer is "12"; a whole number from 0 is needed'],
    [{ model_type: "gpt2", layer_norm_epsilon: "1e-5" }, 'layer_norm_epsilon is "1e-5"; a number from 0 on is needed'],
    [
      { model_type: "bert", architectures: ["BertForTokenClassification"], id2label: { 0: "a", 2: "b" } },
      'id2label is {"0":"a","2":"b"}; the names of the outputs 0, 1, … are needed',
    ],
    [{ model_type: "bert", architectures: ["BertForTokenClassification"], id2label: {} }, "id2label is {}; the names"],
    [
      {
        model_type: "bert",
        architectures: ["BertForSequenceClassification"],
        problem_type: "multi_label_classification",
      },
      'problem_type is "multi_label_classification"; only regression, single_label_classification can be computed here',
    ],
  ];
  for (const [content, complaint] of refused) {
    it(`is refused by field and value: ${JSON.stringify(content)}`, () =>
      expect(() => read(content)).to.throw(`config.json: ${complaint}`));
  }

  it("of a published file is understood", () => {
    const url = new URL("../fixtures/pretrained/gpt2-f32/config.json", import.meta.url);
    expect(read(JSON.parse(readFileSync(url, "utf8"))).options).to.include({ layers: 3, inner: 48 });
  });
});
