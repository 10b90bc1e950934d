import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const run = (file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, [fileURLToPath(new URL(`../../bench/${file}`, import.meta.url)), ...args], {
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, ...env },
  });

const BENCHMARKS = [
  "all.ts",
  "depth-sampling.ts",
  "kernels.ts",
  "matmul-limits.ts",
  "saturation.ts",
  "training-step.ts",
  "two-threads.ts",
  "vector-width.ts",
];

describe("the benchmarks' command lines", () => {
  for (const file of BENCHMARKS) {
    it(`${file} explains itself, and refuses what it does not know`, () => {
      const help = run(file, ["--help"]);
      expect(help.stdout).to.match(/^Usage: /);
      expect(help.status).to.equal(0);
      refuses(run(file, ["--nonsense"]), /unknown option '--nonsense'/);
      refuses(run(file, ["nonsense"]), /unknown argument 'nonsense'/);
    });
  }

  const cases: [file: string, args: string[], complaint: RegExp][] = [
    ["kernels.ts", ["--only", "matmuls"], /--only <kernels>' argument 'matmuls' is invalid/],
    ["kernels.ts", ["--milliseconds", "Infinity"], /"Infinity" is not a whole number/],
    ["matmul-limits.ts", ["--milliseconds", "0"], /"0" is not a whole number/],
    ["training-step.ts", ["--sizes", "1,6"], /There is no size 6, only 1 to 5/],
    ["two-threads.ts", ["--size", "1.5"], /There is no size 1\.5, only 1 to 5/],
    ["saturation.ts", ["--pairs", "many"], /"many" is not a whole number/],
    ["depth-sampling.ts", ["--rounds", "Infinity"], /"Infinity" is not a whole number/],
    ["depth-sampling.ts", ["--size", ""], /There is no size/],
    ["all.ts", ["--sizes", "1"], /without --peers .* options mean nothing/],
    ["all.ts", ["--peers=torch,pytorch"], /There is no "pytorch", only torch, /],
    ["all.ts", ["--peers", "--sizes", "0"], /There is no size 0, only 1 to 5/],
    ["all.ts", ["--peers", "--rounds", "-1"], /"-1" is not a whole number/],
    ["all.ts", ["--peers", "--limit", "3000000"], /3000000 s are more than Node's timers can wait/],
    ["all.ts", ["--peers", "--seconds", "200"], /--limit 120 ends a process before .* --seconds 200/],
    ["all.ts", ["--peers", "--out", fileURLToPath(import.meta.url.replace(/\/[^/]*$/, ""))], /EISDIR/],
  ];
  for (const [file, args, complaint] of cases) {
    it(`${file} refuses ${args.join(" ")}`, () => refuses(run(file, args), complaint));
  }

  it("end with one sentence where the environment names no kernels", () => {
    refuses(run("training-step.ts", [], { APOLLO_KERNELS: "gpu" }), /kernels \(APOLLO_KERNELS\) must be one of/);
  });

  function refuses({ status, stdout, stderr }: ReturnType<typeof run>, complaint: RegExp): void {
    expect(stderr).to.match(/^error: .*\n$/);
    expect(stderr).to.match(complaint);
    expect(stdout).to.equal("");
    expect(status).to.equal(1);
  }
});
