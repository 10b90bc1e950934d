/** A web server for the tests: an empty page, the built package, what it depends on, and this folder's modules. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);

/** What the package imports by name where it runs in a browser. */
const DEPENDENCIES = ["pure-rand/generator/xoroshiro128plus", "@huggingface/tokenizers"];
const addresses = Object.fromEntries(
  DEPENDENCIES.map((name) => [name, `/${relative(fileURLToPath(root), fileURLToPath(import.meta.resolve(name)))}`]),
);

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>apollo-ts</title>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports: addresses })}</script>
`;

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The library as it is, for pages. */
export const LIBRARY = "/dist/index.js";
/** The library as development servers and bundlers give it out, for workers, which import maps do not reach. */
export const RESOLVED_LIBRARY = "/resolved/dist/index.js";

export interface Site {
  url: string;
  close(): void;
}

/** The built package as it was when the tests began: a build that comes meanwhile does not disturb them. */
const dist = new Map(
  readdirSync(new URL("dist/", root), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".js"))
    .map((path) => [`/dist/${path.replaceAll("\\", "/")}`, readFileSync(new URL(`dist/${path}`, root), "utf8")]),
);

/** @param isolated sends the headers without which browsers have no SharedArrayBuffer. */
export async function openSite({ isolated }: { isolated: boolean }): Promise<Site> {
  const server = createServer((request, response) => {
    const found = contentOf(new URL(request.url!, "http://localhost").pathname);
    response.writeHead(found === null ? 404 : 200, {
      "Content-Type": found?.type ?? "text/plain",
      "Cache-Control": "no-store",
      ...(isolated && ISOLATION),
    });
    response.end(found?.text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => closeNow(server) };
}

function closeNow(server: Server): void {
  server.close();
  server.closeAllConnections();
}

function contentOf(path: string): { type: string; text: string } | null {
  if (path === "/") return { type: "text/html", text: PAGE };
  const resolved = path.startsWith("/resolved/");
  const text = textOf(resolved ? path.slice("/resolved".length) : path);
  if (text === null) return null;
  const script = path.endsWith(".ts") ? stripTypeScriptTypes(text) : text;
  return { type: "text/javascript", text: resolved ? withAddresses(script) : script };
}

function textOf(path: string): string | null {
  if (path.startsWith("/dist/")) return dist.get(path) ?? null;
  const file = new URL(`.${path}`, root);
  return /^\/(node_modules|test\/browser)\//.test(path) && existsSync(file) ? readFileSync(file, "utf8") : null;
}

function withAddresses(script: string): string {
  return script.replace(/(\bfrom ")([^".][^"]*)"/g, (whole, before, name) =>
    name in addresses ? `${before}${addresses[name]}"` : whole,
  );
}
