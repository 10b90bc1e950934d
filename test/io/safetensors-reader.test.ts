import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { decodeSafetensors, encodeSafetensors } from "../../src/io/safetensors.ts";
import { openSafetensors } from "../../src/io/safetensors-reader.ts";
import { writeSafetensors } from "../../src/io/safetensors-writer.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const arbitraryTensors = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 8 }).filter((name) => name !== "__metadata__"),
  fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
  { maxKeys: 5 },
);

/** Distinct numbers for every tensor. */
function tensorsOf(shapes: Record<string, number[]>) {
  let count = 0;
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((product, length) => product * length, 1);
      return [name, { shape, values: Float32Array.from({ length: size }, () => ++count / 8) }];
    }),
  );
}

/** A file of any bytes behind any header. */
function fileOf(header: string | object, data: Uint8Array = new Uint8Array(0), claimed?: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** The one sentence with which both readers refuse a file, or undefined when both take it. */
function complaintOf(bytes: Uint8Array): string | undefined {
  return withTemporaryFolder((folder) => {
    const path = join(folder, "x.safetensors");
    writeFileSync(path, bytes);
    const message = (body: () => void): string | undefined => {
      try {
        body();
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    };
    const opened = message(() => openSafetensors(path).close());
    if (opened !== undefined) {
      expect(opened.startsWith(`${path}: `)).to.equal(true);
      expect(message(() => decodeSafetensors(bytes, path))).to.equal(opened);
    }
    return opened?.slice(path.length + 2);
  });
}

describe("safetensors files on disk", () => {
  it("come back as they were written, whole and in pieces", () => {
    fc.assert(
      fc.property(arbitraryTensors, fc.integer({ min: 1, max: 7 }), (shapes, pieceLength) => {
        withTemporaryFolder((folder) => {
          const path = join(folder, "x.safetensors");
          const tensors = tensorsOf(shapes);
          const metadata = { format: "pt" };
          const written = [...tensors].map(([name, { shape, values }]) => {
            const pieces = function* () {
              for (let at = 0; at < values.length; at += pieceLength) yield values.subarray(at, at + pieceLength);
            };
            return [name, { shape, pieces }] as const;
          });
          writeSafetensors(path, new Map(written), metadata);
          const bytes = readFileSync(path);
          expect(bytes).to.deep.equal(Buffer.from(encodeSafetensors({ tensors, metadata })));
          const reader = openSafetensors(path);
          try {
            expect(reader.metadata).to.deep.equal(metadata);
            expect([...reader.tensors.keys()].sort()).to.deep.equal([...tensors.keys()].sort());
            for (const [name, { shape, values }] of tensors) {
              expect(reader.tensors.get(name)!.shape).to.deep.equal(shape);
              const whole = new Float32Array(values.length);
              reader.read(name, whole);
              expect(whole).to.deep.equal(values);
              const start = Math.floor(values.length / 2);
              const rest = new Float32Array(values.length - start);
              reader.read(name, rest, { start });
              expect(rest).to.deep.equal(values.subarray(start));
            }
          } finally {
            reader.close();
          }
        });
      }),
      { numRuns: 50 },
    );
  });

  it("convert more numbers of sixteen bits than one piece holds", () => {
    withTemporaryFolder((folder) => {
      const path = join(folder, "x.safetensors");
      const length = 2 ** 19 + 3;
      const halves = Uint16Array.from({ length }, (_, index) => index % 0x7f80);
      const header = { a: { dtype: "BF16", shape: [length], data_offsets: [0, 2 * length] } };
      writeFileSync(path, fileOf(header, new Uint8Array(halves.buffer)));
      const reader = openSafetensors(path);
      const numbers = new Float32Array(length);
      reader.read("a", numbers);
      reader.close();
      const words = new Uint32Array(numbers.buffer);
      expect(words.every((word, index) => word === halves[index] * 65536)).to.equal(true);
    });
  });

  it("are refused by the tensor's name where they cannot be read", () => {
    withTemporaryFolder((folder) => {
      const path = join(folder, "x.safetensors");
      const header = {
        a: { dtype: "I64", shape: [1], data_offsets: [0, 8] },
        b: { dtype: "F32", shape: [1], data_offsets: [8, 12] },
      };
      writeFileSync(path, fileOf(header, new Uint8Array(12)));
      const reader = openSafetensors(path);
      const one = new Float32Array(1);
      expect(() => reader.read("a", one)).to.throw(`${path}: tensor "a" has type I64; F32, F16 and BF16 are read`);
      expect(() => reader.read("c", one)).to.throw(`${path}: tensor "c" is not there`);
      expect(() => reader.read("b", one, { start: 1 })).to.throw(
        `${path}: tensor "b" of shape [1] has no numbers 1 … 2`,
      );
      reader.close();
      expect(() => reader.read("b", one)).to.throw(`cannot read ${path}: it was closed`);
      expect(() => openSafetensors(folder)).to.throw(`${folder} is a folder, not a file`);
      expect(() => openSafetensors(`${path}.no`)).to.throw(`there is no file ${path}.no`);
    });
  });

  it("are not written where the numbers do not fill the shape, and the old ones stay", () => {
    withTemporaryFolder((folder) => {
      const path = join(folder, "x.safetensors");
      writeFileSync(path, "before");
      const tensors = new Map([["a", { shape: [3], pieces: () => [new Float32Array(2)] }]]);
      expect(() => writeSafetensors(path, tensors)).to.throw(
        `cannot write ${path}: tensor "a" has 2 numbers, its shape is [3]`,
      );
      expect(readFileSync(path, "utf8")).to.equal("before");
    });
  });
});

describe("headers of safetensors files", () => {
  const a = (range: number[], more: object = {}) => ({ dtype: "F32", shape: [2], data_offsets: range, ...more });
  const eight = new Uint8Array(8);
  const refused: [what: string, file: Uint8Array, complaint: string][] = [
    ["that are not there", new Uint8Array(3), "a safetensors file has at least 8 bytes, this one 3"],
    ["longer than the file", fileOf("{}", eight, 1000), "the header claims 1000 bytes, the file has 18"],
    ["of 2^63 bytes", fileOf("{}", eight, 2 ** 63), "the header claims 9223372036854776000 bytes, the file has 18"],
    ["shorter than their text", fileOf({ a: a([0, 8]) }, eight, 20), "the header is not a JSON object"],
    [
      "with a tensor twice",
      fileOf(`{"a":${JSON.stringify(a([0, 8]))},"\\u0061":1}`, eight),
      'the header says "a" twice',
    ],
    ["with a field twice", fileOf('{"a":{"dtype":"F32","dtype":"F16"}}'), 'the header says "dtype" twice'],
    ["with bytes of no text", fileOf("{} ").fill(255, 10, 11), "the header is not a JSON object"],
    [
      "with overlapping tensors",
      fileOf({ a: a([0, 8]), b: a([4, 12]) }, new Uint8Array(12)),
      'tensor "b" begins at byte 4, before the end of "a" at 8',
    ],
    [
      "with the same bytes for two",
      fileOf({ a: a([0, 8]), b: a([0, 8]) }, eight),
      'tensor "b" begins at byte 0, before the end of "a" at 8',
    ],
    [
      "with a gap",
      fileOf({ a: a([4, 12]) }, new Uint8Array(12)),
      'the bytes 0 … 4 before tensor "a" belong to nothing',
    ],
    [
      "with a tensor behind the end",
      fileOf({ a: a([0, 8]) }, new Uint8Array(7)),
      'tensor "a" ends at byte 8, and there are 7',
    ],
    [
      "with bytes of nobody",
      fileOf({ a: a([0, 8]) }, new Uint8Array(9)),
      "the bytes 8 … 9 after the last tensor belong to nothing",
    ],
    ["with a range backwards", fileOf({ a: a([8, 0]) }, eight), 'tensor "a" begins at byte 8 and ends at 0'],
    ["with a negative start", fileOf({ a: a([-8, 0]) }, eight), 'tensor "a" has no byte range'],
    [
      "with an enormous shape",
      fileOf({ a: a([0, 8], { shape: [2 ** 52, 2 ** 52] }) }, eight),
      'tensor "a" has 8 bytes, its shape [4503599627370496, 4503599627370496] needs',
    ],
    ["with half a row", fileOf({ a: a([0, 8], { shape: [0.5, 4] }) }, eight), 'tensor "a" has the shape [0.5,4]'],
    [
      "with another type's size",
      fileOf({ a: a([0, 8], { dtype: "F16" }) }, eight),
      'tensor "a" has 8 bytes, its shape [2] needs 4 as F16',
    ],
    [
      "with an unknown type",
      fileOf({ a: a([0, 8], { dtype: "F33" }) }, eight),
      'tensor "a" has the unknown type "F33"',
    ],
    [
      "with a type of objects",
      fileOf({ a: a([0, 8], { dtype: "toString" }) }, eight),
      'tensor "a" has the unknown type "toString"',
    ],
    [
      "with no type",
      fileOf({ a: { shape: [2], data_offsets: [0, 8] } }, eight),
      'tensor "a" has the unknown type undefined',
    ],
  ];
  for (const [what, file, complaint] of refused) {
    it(`${what} are refused`, () => expect(complaintOf(file)?.slice(0, complaint.length)).to.equal(complaint));
  }

  it("that lie about one tensor are refused by the name of that tensor", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 6 });
    const start = fc.oneof(fc.nat(100), fc.constantFrom(1e12, 2 ** 53 - 100));
    const field = fc.constantFrom("place", "start", "end", "shape", "type");
    fc.assert(
      fc.property(sizes, fc.nat(5), start, field, (lengths, which, to, lie) => {
        let at = 0;
        const tensors = lengths.map((length) => ({
          dtype: "F32",
          shape: [length],
          data_offsets: [at, (at += 4 * length)],
        }));
        const liar = which % lengths.length;
        const [begin, end] = tensors[liar].data_offsets;
        // A tensor of no bytes may lie between any two others.
        fc.pre(lengths[liar] > 0 && to !== (lie === "shape" ? lengths[liar] : lie === "end" ? end : begin));
        if (lie === "place") tensors[liar].data_offsets = [to, to + end - begin];
        else if (lie === "start") tensors[liar].data_offsets = [to, end];
        else if (lie === "end") tensors[liar].data_offsets = [begin, to];
        else if (lie === "shape") tensors[liar].shape = [to];
        else tensors[liar].dtype = "F16";
        const header = Object.fromEntries(tensors.map((tensor, index) => [`t${index}`, tensor]));
        expect(complaintOf(fileOf(header, new Uint8Array(at)))).to.include(`"t${liar}"`);
      }),
      { numRuns: 300 },
    );
  });

  it("are taken with every type, whatever reads it", () => {
    const types = { F64: 8, F8_E4M3: 1, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };
    let at = 0;
    const header = Object.fromEntries(
      Object.entries(types).map(([dtype, bytes]) => [
        dtype,
        { dtype, shape: [3], data_offsets: [at, (at += 3 * bytes)] },
      ]),
    );
    withTemporaryFolder((folder) => {
      const path = join(folder, "x.safetensors");
      writeFileSync(path, fileOf(header, new Uint8Array(at)));
      const reader = openSafetensors(path);
      reader.close();
      expect([...reader.tensors.values()].map(({ type }) => type)).to.deep.equal(Object.keys(types));
    });
  });

  it("that say anything but the truth are refused in one sentence or describe the same bytes", () => {
    const tensors = tensorsOf({ first: [2, 3], second: [4], "third one": [1, 1, 2] });
    const whole = encodeSafetensors({ tensors, metadata: { format: "pt" } });
    const damage = fc.oneof(
      fc.record({ kind: fc.constant("byte"), at: fc.nat(whole.length - 1), to: fc.integer({ min: 0, max: 255 }) }),
      fc.record({ kind: fc.constant("digit"), at: fc.nat(300), to: fc.constantFrom(...'0123456789-.e[]{},:"') }),
      fc.record({ kind: fc.constant("cut"), at: fc.nat(whole.length - 1) }),
      fc.record({ kind: fc.constant("length"), at: fc.nat(7), to: fc.integer({ min: 0, max: 255 }) }),
      fc.record({ kind: fc.constant("more"), at: fc.integer({ min: 1, max: 9 }) }),
    );
    let refusals = 0;
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (all) => {
        let bytes = Uint8Array.from(whole);
        for (const change of all) {
          if (change.kind === "cut") bytes = bytes.slice(0, change.at);
          else if (change.kind === "more") bytes = Uint8Array.from([...bytes, ...new Uint8Array(change.at)]);
          else if (change.at < bytes.length) {
            const { to, kind, at } = change as { to: number | string; kind: string; at: number };
            const place = kind === "digit" ? Math.min(8 + at, bytes.length - 1) : at;
            bytes[place] = typeof to === "string" ? to.charCodeAt(0) : to;
          }
        }
        const complaint = complaintOf(bytes);
        if (complaint === undefined) return;
        refusals++;
        expect(complaint.length).to.be.above(10);
        expect(complaint).to.not.match(/\.\s|\n|undefined is not|Cannot read|Invalid typed array/);
      }),
      { numRuns: 300 },
    );
    expect(refusals).to.be.above(100);
  });
});
