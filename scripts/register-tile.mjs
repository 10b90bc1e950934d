/**
 * The template of the innermost loop of every matrix product: a register tile of `rows` rows of A times one packed panel
 * of B. Text is made from it because the loop must be written out `unroll` times to be fast, and once per width of panel.
 *
 * Why written out: one step of k is two loads of B, six of A and twelve multiply-adds (256 bits wide), and beside them
 * stand instructions that move pointers, count and ask the engine whether to stop. A processor that begins four
 * instructions a cycle would spend as much time on those as on the arithmetic. For the same reason A has one pointer:
 * its elements of one k lie side by side.
 *
 * Every element of the output is one sum over k in ascending order, whatever the width, the unrolling and the tile.
 */

const list = (count) => Array.from({ length: count }, (_, index) => index);

/** The AssemblyScript source of `name`: out[rows, panel] = init[rows, panel] + A·B for a[k, rows] and b[k, panel]. */
export function registerTileSource({ name, rows, panel, unroll }) {
  const row = list(rows);
  const vector = list(panel / 4);
  const each = (items, text, separator = "\n  ") => items.map(text).join(separator);

  const step = (k) => `
    ${each(vector, (v) => `b${v} = v128.load(b, ${4 * panel * k + 16 * v});`, " ")}
    ${each(
      row,
      (r) => `x = v128.load32_splat(a, ${4 * r});
    ${each(vector, (v) => `c${r}${v} = madd(x, b${v}, c${r}${v});`, " ")}`,
      "\n    ",
    )}
    a += aStep;`;

  const loop = (steps) => `for (; k >= ${steps}; k -= ${steps}) {${each(list(steps), step, "")}
    b += ${4 * panel * steps};
  }`;

  return `
export function ${name}(
  a: usize, aStep: usize, b: usize, init: usize, initRow: usize, out: usize, outRow: usize, k: i32,
): void {
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
