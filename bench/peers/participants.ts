/** Who takes part in the comparison: how each is started, in which settings, what it must be installed with, what the bar is. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A way to start a participant; the fastest of its settings counts. */
export interface Setting {
  label: string;
  /** Program and arguments; the folder with the start and the seconds follow, then `flags`. */
  command: readonly string[];
  flags?: readonly string[];
  environment?: Readonly<Record<string, string>>;
}

/** How many times as fast as a participant apollo-ts has to be, for each of the sizes. */
export interface Bar {
  /** Which of our rows it is about. */
  of: string;
  ratios: readonly (number | null)[];
}

export interface Participant {
  /** What `--peers` calls it. */
  name: string;
  label: string;
  settings: readonly Setting[];
  /** Why it cannot run here, with the command that changes that; null where it can. */
  missing: () => string | null;
  bars: readonly Bar[];
}

/** apollo-ts as it runs in Node, and as it would without V8's experimental revectorizer, as in browsers. */
export const APOLLO = "apollo";
export const APOLLO_NARROW = "apollo-narrow";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const nodeStep = (file: string, ...options: string[]) => [process.execPath, ...options, here(file)];

function apollo(name: string, label: string, environment: Record<string, string>): Participant {
  const settings = [{ label: "", command: nodeStep("apollo-step.ts"), environment }];
  return { name, label, settings, missing: () => null, bars: [] };
}

/** Where PyTorch is looked for; Debian's package serves Debian's own interpreter only. */
const PYTHONS = process.env.PYTHON === undefined ? ["python3", "/usr/bin/python3"] : [process.env.PYTHON];

/** The first Python that has PyTorch. */
let python: string | null | undefined;
export function pythonWithTorch(): string | null {
  if (python === undefined)
    python = PYTHONS.find((program) => spawnSync(program, ["-c", "import torch"]).status === 0) ?? null;
  return python;
}

/** OpenMP and BLAS threads as in every combination, times the kernels of OpenBLAS: detected, or those for AVX-512. */
function pytorchSettings(more: Record<string, string> = {}): Setting[] {
  return [1, 2].flatMap((openMp) =>
    [1, 2].flatMap((blas) =>
      [undefined, "SKYLAKEX"].map((core) => ({
        label: `OpenMP ${openMp}, BLAS ${blas}, ${core ?? "detected core"}`,
        command: [pythonWithTorch() ?? "python3", here("pytorch-step.py")],
        environment: {
          OMP_NUM_THREADS: String(openMp),
          OPENBLAS_NUM_THREADS: String(blas),
          ...(core === undefined ? {} : { OPENBLAS_CORETYPE: core }),
          ...more,
        },
      })),
    ),
  );
}

const missingPytorch = () =>
  pythonWithTorch() === null
    ? `not installed for ${PYTHONS.join(" or ")}: apt-get install -y python3-torch libopenblas0-pthread`
    : null;

function missingPackage(name: string): string | null {
  return existsSync(here(`node_modules/${name}`)) ? null : "not installed: npm ci --prefix bench/peers";
}

/**
 * glibc gives large blocks back to the system at once and takes them anew, page by page, in every step, unless it is told
 * to keep them. PyTorch's tuning guide teaches another allocator for that; this has the same effect without one.
 */
const KEEP_MEMORY = {
  MALLOC_MMAP_MAX_: "0",
  MALLOC_TRIM_THRESHOLD_: "17179869184",
  MALLOC_TOP_PAD_: "67108864",
};

export const PARTICIPANTS: readonly Participant[] = [
  apollo(APOLLO, "apollo-ts", {}),
  apollo(APOLLO_NARROW, "apollo-ts, no revectorizer", { APOLLO_SIMD: "relaxed" }),
  {
    name: "torch",
    label: "PyTorch",
    // Asked for, not made at once: looking for PyTorch takes seconds.
    get settings() {
      return pytorchSettings();
    },
    missing: missingPytorch,
    bars: [
      { of: APOLLO, ratios: [1.5, 1.5, 1.5, 1.5, 1.2] },
      { of: APOLLO_NARROW, ratios: [0.9, 0.9, 0.9, 0.9, null] },
    ],
  },
  {
    name: "torch-malloc",
    label: "PyTorch, memory kept",
    get settings() {
      return pytorchSettings(KEEP_MEMORY);
    },
    missing: missingPytorch,
    bars: [],
  },
  {
    name: "tfjs",
    label: "TensorFlow.js",
    settings: [
      { label: "as documented", command: nodeStep("tfjs-step.mjs") },
      { label: "transposing by hand", command: nodeStep("tfjs-step.mjs"), flags: ["--transpose"] },
    ],
    missing: () => missingPackage("@tensorflow/tfjs-backend-wasm"),
    bars: [{ of: APOLLO, ratios: [20, 20, 20, 20, 20] }],
  },
  {
    name: "jax",
    label: "jax-js",
    settings: [
      { label: "one thread", command: nodeStep("jax-step.mjs") },
      {
        label: "workers",
        command: nodeStep("jax-step.mjs", "--import", new URL("node-web-worker.mjs", import.meta.url).href),
      },
    ],
    missing: () => missingPackage("@jax-js/jax"),
    bars: [{ of: APOLLO, ratios: [8, 8, 8, 8, 8] }],
  },
];

/** Variables that would decide for a participant what its settings decide, or the detection of its libraries. */
export const CLEARED_VARIABLES = /^(OPENBLAS_|OMP_|MKL_|MALLOC_|APOLLO_|NODE_OPTIONS$)/;
