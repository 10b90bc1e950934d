import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { Tokenizer as RustTokenizer } from "tokenizers";
import { FAMILY_SPECIAL_TOKENS, Tokenizer, trainBpe } from "../../src/data/index.ts";
import { tokenizerJsonFromVocabJson, tokenizerJsonFromVocabTxt } from "../../src/data/vocabulary-files.ts";
import { readTokenizer, tokenizerFiles } from "../../src/pretrained/tokenizer-files.ts";
import { bertVocabulary, gptVocabulary } from "../data/real-vocabularies.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const TEXTS = [
  "The quick brown fox – naïve, don't you think? – jumps over 12,345 lazy dogs.",
  "[CLS] is no token here, <|endoftext|> neither; 東京 \u{1F98A}\n\tÅngström",
];

/** GPT-2's vocabulary with its first merges, which are as many as the tokens that follow the 256 bytes. */
function smallGptVocabulary(merges = 3000): { vocab: string; merges: string } {
  const whole = gptVocabulary();
  const tokens = Object.entries<number>(JSON.parse(whole.vocab)).filter(([, id]) => id < 256 + merges);
  return {
    vocab: JSON.stringify(Object.fromEntries([...tokens, ["<|endoftext|>", 256 + merges]])),
    merges: whole.merges
      .split("\n")
      .slice(0, 1 + merges)
      .join("\n"),
  };
}

/** The first lines of BERT's vocabulary: special tokens, characters, and frequent words. */
const smallBertVocabulary = () => `${bertVocabulary().split("\n").slice(0, 3000).join("\n")}\n`;

const write = (folder: string, files: ReadonlyMap<string, string>) => {
  for (const [name, content] of files) writeFileSync(join(folder, name), content);
};
const read = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));

/** That the files give back a tokenizer that encodes alike and is written to the same files again. */
function expectSameAgain(folder: string, tokenizer: Tokenizer, options: Parameters<typeof tokenizerFiles>[1]): void {
  const again = readTokenizer(folder)!;
  expect(again.special).to.deep.equal(tokenizer.special);
  expect(again.vocabularySize).to.equal(tokenizer.vocabularySize);
  for (const text of TEXTS) {
    expect(again.encode(text)).to.deep.equal(tokenizer.encode(text));
    expect(again.decode(again.encode(text))).to.equal(tokenizer.decode(tokenizer.encode(text)));
  }
  if (readdirSync(folder).includes("tokenizer.json"))
    expect([...tokenizerFiles(again, options)]).to.deep.equal([...tokenizerFiles(tokenizer, options)]);
}

const COMMON = ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"];

describe("tokenizers in Hugging Face's folders", () => {
  it("are GPT-2's, with and without tokenizer.json", () => {
    const files = smallGptVocabulary();
    const ids = (json: string) =>
      JSON.stringify(Object.entries<number>(JSON.parse(json)).sort(([, a], [, b]) => a - b));
    const tokenizer = Tokenizer.fromJson(tokenizerJsonFromVocabJson(files));
    const options = { family: "gpt", context: 1024 } as const;
    withTemporaryFolder((folder) => {
      write(folder, tokenizerFiles(tokenizer, options));
      expect(readdirSync(folder)).to.deep.equal(["merges.txt", ...COMMON, "vocab.json"]);
      expect(ids(readFileSync(join(folder, "vocab.json"), "utf8"))).to.equal(ids(files.vocab));
      expect(readFileSync(join(folder, "merges.txt"), "utf8").trimEnd()).to.equal(files.merges.trimEnd());
      expect(read(folder, "tokenizer_config.json")).to.deep.equal({
        ...{ tokenizer_class: "GPT2Tokenizer", add_prefix_space: false, clean_up_tokenization_spaces: false },
        ...{ bos_token: "<|endoftext|>", eos_token: "<|endoftext|>", unk_token: "<|endoftext|>" },
        model_max_length: 1024,
      });
      expectSameAgain(folder, tokenizer, options);
      rmSync(join(folder, "tokenizer.json"));
      expectSameAgain(folder, tokenizer, options);
      rmSync(join(folder, "merges.txt"));
      expect(() => readTokenizer(folder)).to.throw(`there is no file ${join(folder, "merges.txt")}`);
      writeFileSync(join(folder, "added_tokens.json"), '{"[PAD]": 3257}');
      expect(() => readTokenizer(folder)).to.throw(
        `${join(folder, "added_tokens.json")} is read only as part of a tokenizer.json, which is missing`,
      );
    });
  });

  for (const lowercase of [true, false]) {
    it(`are BERT's, with and without tokenizer.json, ${lowercase ? "uncased" : "cased"}`, () => {
      const vocab = smallBertVocabulary();
      const tokenizer = Tokenizer.fromJson(tokenizerJsonFromVocabTxt({ vocab, lowercase }));
      const options = { family: "bert", context: 512 } as const;
      withTemporaryFolder((folder) => {
        write(folder, tokenizerFiles(tokenizer, options));
        expect(readdirSync(folder)).to.deep.equal([...COMMON, "vocab.txt"]);
        expect(readFileSync(join(folder, "vocab.txt"), "utf8")).to.equal(vocab);
        expect(read(folder, "tokenizer_config.json")).to.deep.equal({
          ...{ tokenizer_class: "BertTokenizer", do_lower_case: lowercase, strip_accents: null },
          ...{ pad_token: "[PAD]", unk_token: "[UNK]", cls_token: "[CLS]", sep_token: "[SEP]", mask_token: "[MASK]" },
          model_max_length: 512,
        });
        expectSameAgain(folder, tokenizer, options);
        rmSync(join(folder, "tokenizer.json"));
        expectSameAgain(folder, tokenizer, options);
        writeFileSync(join(folder, "tokenizer_config.json"), '{"do_lower_case": "yes"}');
        expect(() => readTokenizer(folder)).to.throw(
          `${join(folder, "tokenizer_config.json")}: do_lower_case is "yes"; true or false is needed`,
        );
        rmSync(join(folder, "tokenizer_config.json"));
        const { normalizer } = readTokenizer(folder)!.toJson();
        expect(normalizer).to.include({ lowercase: true });
      });
    });
  }

  it("are byte-level pairs with BERT's special tokens, which put these around texts for others", async () => {
    const specialTokens = FAMILY_SPECIAL_TOKENS.bert;
    const tokenizer = Tokenizer.fromJson(trainBpe({ texts: TEXTS, vocabularySize: 300, specialTokens }));
    const options = { family: "bert", context: 64 } as const;
    withTemporaryFolder((folder) => {
      write(folder, tokenizerFiles(tokenizer, options));
      expect(readdirSync(folder)).to.deep.equal(COMMON);
      const config = read(folder, "tokenizer_config.json");
      expect(config).to.include({ tokenizer_class: "PreTrainedTokenizerFast", cls_token: "[CLS]", sep_token: "[SEP]" });
      expect(read(folder, "tokenizer.json").post_processor).to.deep.include({
        type: "TemplateProcessing",
        special_tokens: {
          "[CLS]": { id: "[CLS]", ids: [tokenizer.special.classification], tokens: ["[CLS]"] },
          "[SEP]": { id: "[SEP]", ids: [tokenizer.special.separator], tokens: ["[SEP]"] },
        },
      });
      expectSameAgain(folder, tokenizer, options);
    });
    // For programs that use the Rust library, as Hugging Face's do.
    const rust = RustTokenizer.fromString(tokenizerFiles(tokenizer, options).get("tokenizer.json")!);
    const { classification, separator } = tokenizer.special;
    const [first, second] = ["The quick brown fox", "jumps over"];
    const ids = [classification, ...tokenizer.encode(first), separator, ...tokenizer.encode(second), separator];
    const encoded = await rust.encode(first, second);
    expect(encoded.getIds()).to.deep.equal(ids);
    expect(encoded.getTypeIds()).to.deep.equal(ids.map((_, index) => (index > ids.indexOf(separator) ? 1 : 0)));
  });

  it("are none, or damaged", () => {
    withTemporaryFolder((folder) => {
      expect(readTokenizer(folder)).to.equal(undefined);
      const vocabulary = join(folder, "vocab.txt");
      writeFileSync(vocabulary, "[CLS]\n[SEP]\n");
      expect(() => readTokenizer(folder)).to.throw(
        `${vocabulary}: a WordPiece vocabulary needs the token [UNK], and this one lacks it`,
      );
      const path = join(folder, "tokenizer.json");
      for (const content of ["null", "[]", "{}", '{"model": 3}']) {
        writeFileSync(path, content);
        expect(() => readTokenizer(folder), content).to.throw(`${path}: not a usable tokenizer.json`);
      }
    });
  });
});
