import { existsSync } from "node:fs";
import { expect } from "chai";
import { type Browser, chromium, type Page } from "playwright-core";
import * as library from "../../src/index.ts";
import { LIBRARY, openSite, RESOLVED_LIBRARY, type Site } from "./site.ts";
import { type Outcome, type TrainingOptions, trainTenSteps } from "./training.ts";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** More than the machine may have cores: whoever waits for a thread then waits long. */
const THREADS = 3;

/** f32x4.relaxed_madd in a module's bytes. */
const RELAXED_INSTRUCTION = [0xfd, 0x85, 0x02];

describe("in Chromium", () => {
  let browser: Browser;
  let isolated: Site;
  let ordinary: Site;
  const inNode = new Map<string, Outcome>();

  before(async () => {
    if (!existsSync(executablePath)) {
      throw new Error(
        `there is no Chromium at ${executablePath}: install Debian's package "chromium", or name another one in the environment variable CHROMIUM`,
      );
    }
    for (const variant of ["relaxed", "plain"] as const) {
      inNode.set(variant, await trainTenSteps(library, { kernels: "simd", threads: 1, variant }));
    }
    library.configureEngine();
    browser = await chromium.launch({ executablePath, args: ARGUMENTS });
    [isolated, ordinary] = [await openSite({ isolated: true }), await openSite({ isolated: false })];
  });
  after(async () => {
    await browser?.close();
    isolated?.close();
    ordinary?.close();
  });

  async function withPage<T>(site: Site, body: (page: Page) => Promise<T>, expectedComplaint?: RegExp): Promise<T> {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (["warning", "error"].includes(message.type())) complaints.push(message.text());
    });
    try {
      await page.goto(site.url);
      const result = await body(page);
      const unexpected = complaints.filter((text) => !expectedComplaint?.test(text));
      expect(unexpected, "what the page complained about").to.deep.equal([]);
      return result;
    } finally {
      await page.close();
    }
  }

  const trainIn = (page: Page, options: TrainingOptions): Promise<Outcome> =>
    page.evaluate(
      async ({ urls, options }) => {
        const [training, library] = await Promise.all(urls.map((url) => import(url)));
        return training.trainTenSteps(library, options);
      },
      { urls: ["/test/browser/training.ts", LIBRARY], options },
    );

  function expectSameTraining(outcome: Outcome, variant: "relaxed" | "plain"): void {
    const { losses, uniqueLayers, weights } = inNode.get(variant)!;
    expect(outcome.losses).to.deep.equal(losses);
    expect(outcome.uniqueLayers).to.deep.equal(uniqueLayers);
    expect(outcome.weights).to.equal(weights);
  }

  it("has something to compare with: Node's own losses fall, and differ between fused and unfused arithmetic", () => {
    const [relaxed, unfused] = ["relaxed", "plain"].map((variant) => inNode.get(variant)!);
    expect(relaxed.uniqueLayers).to.deep.equal([1, 1, 1, 2, 2, 2, 4, 4, 4, 4]);
    for (const { losses } of [relaxed, unfused]) {
      expect(losses[0]).to.be.closeTo(Math.log(256), 0.2);
      expect(losses[9]).to.be.lessThan(losses[0] - 0.3);
    }
    expect(relaxed.weights).not.to.equal(unfused.weights);
  });

  describe("with cross-origin isolation", () => {
    it("trains on several threads to Node's bits, and the page's own thread never waits", () =>
      withPage(isolated, async (page) => {
        const couldWait = await page.evaluate(() => {
          const wait = Atomics.wait;
          const scope = globalThis as { waits?: number };
          scope.waits = 0;
          Atomics.wait = ((...given: Parameters<typeof Atomics.wait>) => {
            scope.waits!++;
            return wait(...given);
          }) as typeof Atomics.wait;
          try {
            wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
            return true;
          } catch {
            return false;
          }
        });
        expect(couldWait).to.equal(false);
        const outcome = await trainIn(page, { threads: THREADS });
        expect(outcome.engine).to.deep.equal({ kernels: "simd", variant: "relaxed", threads: THREADS, shared: true });
        expect(page.workers()).to.have.length(THREADS - 1);
        expectSameTraining(outcome, "relaxed");
        expect(await page.evaluate(() => (globalThis as { waits?: number }).waits)).to.equal(0);
      }));

    it("takes as many threads as there are cores when none are asked for, and gives Node's bits with plain SIMD", () =>
      withPage(isolated, async (page) => {
        const outcome = await trainIn(page, { variant: "plain" });
        const cores = await page.evaluate(() => navigator.hardwareConcurrency);
        expect(outcome.engine).to.deep.equal({
          kernels: "simd",
          variant: "plain",
          threads: Math.min(cores, 16),
          shared: true,
        });
        expectSameTraining(outcome, "plain");
      }));

    it("trains inside a worker of the page, which starts threads of its own", () =>
      withPage(isolated, async (page) => {
        const answer = await page.evaluate(
          ({ library, options }) =>
            new Promise<{ outcome?: Outcome; error?: string }>((resolve) => {
              const worker = new Worker("/test/browser/training-worker.ts", { type: "module" });
              worker.onmessage = ({ data }) => resolve(data);
              worker.onerror = ({ message }) => resolve({ error: message || "the worker could not be loaded" });
              worker.postMessage({ library, options });
            }),
          { library: RESOLVED_LIBRARY, options: { threads: THREADS } },
        );
        expect(answer.error).to.equal(undefined);
        expect(answer.outcome!.engine).to.include({ variant: "relaxed", threads: THREADS, shared: true });
        expectSameTraining(answer.outcome!, "relaxed");
      }));

    it("goes on alone to the same bits, and says why, when its threads cannot be loaded", () =>
      withPage(
        isolated,
        async (page) => {
          await page.route("**/thread-worker.js", (route) => route.fulfill({ status: 404 }));
          const warned = page.waitForEvent("console", (message) => message.type() === "warning");
          expectSameTraining(await trainIn(page, { threads: THREADS, isImpatient: true }), "relaxed");
          expect((await warned).text()).to.match(/a thread of the engine could not be started: .*thread-worker\.js/);
          const refusal = await trainIn(page, { threads: THREADS }).catch((error) => String(error));
          expect(refusal).to.contain("thread-worker.js could not be loaded");
        },
        /thread-worker\.js|status of 404/,
      ));

    it("ends the threads of an engine that is replaced", () =>
      withPage(isolated, async (page) => {
        await trainIn(page, { threads: THREADS });
        const ended = page.workers().map((worker) => new Promise((resolve) => worker.once("close", resolve)));
        expect(ended).to.have.length(THREADS - 1);
        await trainIn(page, { threads: 1 });
        await Promise.all(ended);
        expect(page.workers()).to.have.length(0);
      }));
  });

  describe("without cross-origin isolation", () => {
    it("trains on one thread in unshared memory to Node's bits", () =>
      withPage(ordinary, async (page) => {
        expect(await page.evaluate(() => typeof SharedArrayBuffer)).to.equal("undefined");
        const outcome = await trainIn(page, { threads: THREADS });
        expect(outcome.engine).to.deep.equal({ kernels: "simd", variant: "relaxed", threads: 1, shared: false });
        expect(page.workers()).to.have.length(0);
        expectSameTraining(outcome, "relaxed");
      }));

    it("goes on in the same numbers when the memory grows in the middle of every step", () =>
      withPage(ordinary, async (page) => {
        const outcome = await trainIn(page, { growsMemory: true });
        expect(outcome.replacedBuffers).to.equal(outcome.losses.length);
        expect(outcome.reservedBytes[9]).to.be.greaterThan(outcome.reservedBytes[0] + 9 * (2 << 20));
        expectSameTraining(outcome, "relaxed");
      }));

    it("takes plain SIMD where the browser does not know relaxed instructions, and says so when they are asked for", () =>
      withPage(ordinary, async (page) => {
        await page.evaluate((instruction) => {
          const validate = WebAssembly.validate;
          WebAssembly.validate = (source) => {
            const bytes = source as Uint8Array<ArrayBuffer>;
            return (
              validate(bytes) && !bytes.some((_, at) => instruction.every((byte, next) => bytes[at + next] === byte))
            );
          };
        }, RELAXED_INSTRUCTION);
        const outcome = await trainIn(page, {});
        expect(outcome.engine).to.include({ kernels: "simd", variant: "plain" });
        expectSameTraining(outcome, "plain");
        const refusal = await trainIn(page, { variant: "relaxed" }).catch((error) => String(error));
        expect(refusal).to.contain('the SIMD variant "relaxed" needs an engine with relaxed SIMD');
      }));
  });
});
