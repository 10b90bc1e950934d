import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
    ["matmul-limits.ts", ["--milliseconds", "3600001"], /"3600001" is not a whole number from 1 to 3600000/],
    ["training-step.ts", ["--sizes", "1,6"], /There is no size "6", only 1 to 5/],
    ["training-step.ts", ["--sizes", "1,0x1"], /There is no size "0x1", only 1 to 5/],
    ["training-step.ts", ["--sizes", "1, 2"], /There is no size " 2", only 1 to 5/],
    ["training-step.ts", ["--milliseconds", "1e1"], /"1e1" is not a whole number/],
    ["two-threads.ts", ["--size", "1.5"], /There is no size "1\.5", only 1 to 5/],
    ["two-threads.ts", ["--rounds", "1000000000000"], /"1000000000000" is not a whole number from 1 to 100000/],
    ["saturation.ts", ["--pairs", "many"], /"many" is not a whole number/],
    ["depth-sampling.ts", ["--rounds", "Infinity"], /"Infinity" is not a whole number/],
    ["depth-sampling.ts", ["--size", ""], /There is no size/],
    ["all.ts", ["--sizes", "1"], /without --peers .* options mean nothing/],
    ["all.ts", ["--peers=torch,pytorch"], /There is no "pytorch", only torch, /],
    ["all.ts", ["--peers", "--sizes", "0"], /There is no size "0", only 1 to 5/],
    ["all.ts", ["--peers", "--rounds", "-1"], /"-1" is not a whole number/],
    ["all.ts", ["--peers", "--limit", "3000000"], /"3000000" is not a whole number from 1 to 2147483/],
    ["all.ts", ["--peers", "--seconds", "200"], /--limit 120 ends a process before .* --seconds 200/],
    ["all.ts", ["--peers", "--out", import.meta.dirname], /cannot write .*: it is a folder or a device/],
    ["all.ts", ["--peers", "--out", join(import.meta.filename, "x")], /cannot write into .*arguments\.test\.ts/],
  ];
  for (const [file, args, complaint] of cases) {
    it(`${file} refuses ${args.join(" ")}`, () => refuses(run(file, args), complaint));
  }

  it("all.ts refuses a folder that the system makes nothing in, where Node's own way never comes back", function () {
    // Elsewhere such a folder can be made.
    if (process.platform !== "linux") this.skip();
    refuses(run("all.ts", ["--peers", "--out", "/proc/x/y"]), /cannot write into \/proc\/x: ENOENT/);
  });

  it("all.ts says where PyTorch was looked for when there is no other peer", () => {
    const complaint = /nothing to compare with: PyTorch is not installed for \/nowhere\/python: apt-get install -y/;
    refuses(
      run("all.ts", ["--peers=torch", "--out", join(tmpdir(), "peers.json")], { PYTHON: "/nowhere/python" }),
      complaint,
    );
  });

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
