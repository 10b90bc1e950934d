/** The weights in a folder, in one safetensors file or in several, as one set of tensors. */

import { exists, join, readJson } from "../io/files.ts";
import type { HeaderTensor } from "../io/safetensors-header.ts";
import { openSafetensors, type SafetensorsReader } from "../io/safetensors-reader.ts";

export const WEIGHTS_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

/** Open files, of which the headers were read and found to be right. */
export interface WeightFiles {
  /** Names the weights in errors: their file, or the index of several. */
  source: string;
  tensors: ReadonlyMap<string, HeaderTensor>;
  /** As {@link SafetensorsReader.read}. */
  read: SafetensorsReader["read"];
  close(): void;
}

/** @throws naming the file, when one is missing, does not fit its header, or is not what the index says. */
export function openWeightFiles(folder: string): WeightFiles {
  const path = join(folder, WEIGHTS_FILE);
  if (exists(path)) {
    const { tensors, read, close } = openSafetensors(path);
    return { source: path, tensors, read, close };
  }
  const index = join(folder, INDEX_FILE);
  if (exists(index)) return openShards(folder, index);
  const others = exists(join(folder, "pytorch_model.bin")) ? "; pytorch_model.bin is not read" : "";
  throw new Error(`${folder} has no weights: neither ${WEIGHTS_FILE} nor ${INDEX_FILE}${others}`);
}

function openShards(folder: string, index: string): WeightFiles {
  const places = readWeightMap(index);
  const readers = new Map<string, SafetensorsReader>();
  const close = () => {
    for (const reader of readers.values()) reader.close();
  };
  try {
    const tensors = new Map<string, HeaderTensor>();
    for (const [name, file] of places) {
      const path = join(folder, file);
      if (!readers.has(file)) {
        if (!exists(path)) throw new Error(`${index}: there is no file ${file}, which should hold "${name}"`);
        readers.set(file, openSafetensors(path));
      }
      const tensor = readers.get(file)!.tensors.get(name);
      if (tensor === undefined) throw new Error(`${index}: "${name}" is not in ${file}`);
      tensors.set(name, tensor);
    }
    for (const [file, reader] of readers) {
      for (const name of reader.tensors.keys()) {
        if (places.get(name) !== file) throw new Error(`${index}: it does not say that "${name}" is in ${file}`);
      }
    }
    return {
      source: index,
      tensors,
      close,
      read(name, into, options) {
        readers.get(places.get(name) ?? "")!.read(name, into, options);
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** By tensor the file that holds it. */
function readWeightMap(index: string): Map<string, string> {
  const { weight_map: map } = (readJson(index) ?? {}) as { weight_map?: unknown };
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw new Error(`${index}: it has no weight_map, which says what is in which file`);
  const places = Object.entries(map);
  for (const [name, file] of places) {
    // A file of the same folder, and nothing else that a name can say.
    if (typeof file !== "string" || !/^[\w-][\w.-]*$/.test(file))
      throw new Error(`${index}: "${name}" is in ${JSON.stringify(file)}, which is no name of a file beside it`);
  }
  return new Map(places as [string, string][]);
}
