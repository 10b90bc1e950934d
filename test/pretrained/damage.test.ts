import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import fc from "fast-check";
import { STORED_BYTES } from "../../src/io/safetensors-header.ts";
import { fromPretrained } from "../../src/pretrained/index.ts";
import { memory } from "../../src/tensor/memory.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const FOLDER = fileURLToPath(new URL("../fixtures/pretrained/bert-old/", import.meta.url));
const WEIGHTS = readFileSync(join(FOLDER, "model.safetensors"));
const HEADER_END = 8 + Number(WEIGHTS.readBigUInt64LE(0));

interface Entry {
  dtype: unknown;
  shape: unknown;
  data_offsets: unknown;
}
const HEADER: Record<string, Entry> = JSON.parse(WEIGHTS.subarray(8, HEADER_END).toString());
const NAMES = Object.keys(HEADER).filter((name) => name !== "__metadata__");
const CONFIG: Record<string, unknown> = JSON.parse(readFileSync(join(FOLDER, "config.json"), "utf8"));

const lengths = fc.oneof(fc.integer({ min: -1, max: 64 }), fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 53, 1e300, 0.5));
/** One lie about one tensor. */
const lie: fc.Arbitrary<(header: Record<string, Entry>) => void> = fc
  .tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES))
  .chain(([name, other]) =>
    fc.oneof(
      fc.array(lengths, { maxLength: 3 }).map((shape) => (header: typeof HEADER) => void (header[name].shape = shape)),
      fc.tuple(lengths, lengths).map((range) => (header: typeof HEADER) => void (header[name].data_offsets = range)),
      fc
        .constantFrom(...Object.keys(STORED_BYTES), "F33", null, 32)
        .map((type) => (header: typeof HEADER) => void (header[name].dtype = type)),
      fc.constant((header: typeof HEADER) => void ([header[name], header[other]] = [header[other], header[name]])),
      fc.constant((header: typeof HEADER) => void delete header[name]),
      fc.constant((header: typeof HEADER) => {
        header[`${name}.more`] = header[name];
        delete header[name];
      }),
      fc.jsonValue().map((value) => (header: typeof HEADER) => void (header[name] = value as never)),
    ),
  );

/** The sentence with which a folder is refused, which then took no memory for weights; undefined when it is read. */
function refusal(damage: (folder: string) => void): string | undefined {
  return withTemporaryFolder((folder) => {
    cpSync(FOLDER, folder, { recursive: true });
    damage(folder);
    const before = memory.liveBytes;
    try {
      fromPretrained(folder);
      return undefined;
    } catch (error) {
      const { message } = error as Error;
      expect(memory.liveBytes).to.be.at.most(before);
      expect(message.startsWith(folder), message).to.equal(true);
      // What is quoted from the file may hold anything.
      const own = message.replace(/"(?:\\.|[^"\\])*"/g, '""');
      expect(own).to.not.match(/\.\s[A-Z]|\n|is not a function|is not iterable|Cannot read|Invalid/);
      return message;
    }
  });
}

describe("damaged folders", () => {
  it("are refused in one sentence that names the file, before memory is taken, when a header lies", () => {
    let refusals = 0;
    fc.assert(
      fc.property(lie, (tell) => {
        const header = structuredClone(HEADER);
        tell(header);
        const text = Buffer.from(JSON.stringify(header));
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(text.length));
        const bytes = Buffer.concat([length, text, WEIGHTS.subarray(HEADER_END)]);
        if (refusal((folder) => writeFileSync(join(folder, "model.safetensors"), bytes)) !== undefined) refusals++;
        // A lie that is none: the value that was there, or two tensors of one shape for one another.
        else expect(Object.values(header).length).to.equal(Object.values(HEADER).length);
      }),
      { numRuns: 200 },
    );
    expect(refusals).to.be.above(120);
  });

  it("are refused likewise when config.json says something else", () => {
    let refusals = 0;
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(CONFIG)), fc.oneof(lengths, fc.jsonValue()), (field, value) => {
        const text = JSON.stringify({ ...CONFIG, [field]: value });
        if (refusal((folder) => writeFileSync(join(folder, "config.json"), text)) !== undefined) refusals++;
      }),
      { numRuns: 200 },
    );
    expect(refusals).to.be.above(100);
  });

  it("are refused likewise when config.json is cut off", () => {
    const text = JSON.stringify(CONFIG);
    fc.assert(
      fc.property(fc.nat(text.length - 1), (end) => {
        const message = refusal((folder) => writeFileSync(join(folder, "config.json"), text.slice(0, end)));
        expect(message).to.match(/config\.json is not JSON/);
      }),
      { numRuns: 20 },
    );
  });
});
