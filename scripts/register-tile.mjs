/**
 * The template of the innermost loop of every matrix product: a register tile of `rows` rows of A times one packed panel
 * of B. Text is made from it because the loop must be written out `unroll` times to be fast, and once per width of panel.
 *
 * Why written out: one step of k is two loads of B, six of A and twelve multiply-adds (256 bits wide), and around them
 * stand as many instructions that move pointers, count and ask the engine whether to stop. A processor that begins four
 * instructions a cycle spends more time on those than on the arithmetic.
 *
 * Every element of the output is one sum over k in ascending order, whatever the width, the unrolling and the tile.
 */

const list = (count) => Array.from({ length: count }, (_, index) => index);

/**
 * The AssemblyScript source of `name`: out[rows, panel] = init[rows, panel] + A·B[k, panel]. A lies in rows `aRow` bytes
 * apart, [rows, k], of which the last is read again in place of those beyond `count`; or, with `transposedA`, [k, rows].
 */
export function registerTileSource({ name, rows, panel, unroll, transposedA }) {
  const row = list(rows);
  const vector = list(panel / 4);
  const each = (items, text, separator = "\n  ") => items.map(text).join(separator);

  const element = (r, k) => (transposedA ? `a, ${4 * r}` : `a${r}, ${4 * k}`);
  const step = (k) => `
    ${each(vector, (v) => `b${v} = v128.load(b, ${4 * panel * k + 16 * v});`, " ")}
    ${each(
      row,
      (r) => `x = v128.load32_splat(${element(r, k)});
    ${each(vector, (v) => `c${r}${v} = madd(x, b${v}, c${r}${v});`, " ")}`,
      "\n    ",
    )}${transposedA ? "\n    a += aRow;" : ""}`;

  const loop = (steps) => `for (; k >= ${steps}; k -= ${steps}) {${each(list(steps), step, "")}
    ${transposedA ? "" : each(row, (r) => `a${r} += ${4 * steps};`, " ")}
    b += ${4 * panel * steps};
  }`;

  const rowPointers = `let a0 = a;
  ${each(row.slice(1), (r) => `let a${r} = count > ${r} ? a${r - 1} + aRow : a${r - 1};`)}`;

  return `
export function ${name}(
  a: usize, aRow: usize, b: usize, init: usize, initRow: usize, out: usize, outRow: usize, k: i32${transposedA ? "" : ", count: i32"},
): void {
  ${transposedA ? "" : rowPointers}
  ${each(row, (r) => each(vector, (v) => `let c${r}${v} = v128.load(init + ${r} * initRow, ${16 * v});`))}
  let x: v128;
  ${each(vector, (v) => `let b${v}: v128;`, " ")}
  ${loop(unroll)}
  ${loop(1)}
  ${each(row, (r) =>
    each(
      vector.filter((v) => v % 2 === 0),
      (v) => `storePair(out + ${r} * outRow + ${16 * v}, c${r}${v}, c${r}${v + 1});`,
    ),
  )}
}
`;
}
