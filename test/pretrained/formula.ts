/** The formula of scripts/pretrained-fixtures.py, from which large weights come. */

/** Writes the numbers of a stream from the `start`-th on: centre + spread·(2f − 1), with f of 16 bits in [0, 1). */
export function writeFormula(
  into: Float32Array,
  { stream, start, centre, spread }: { stream: number; start: number; centre: number; spread: number },
): void {
  const first = Math.imul(stream, 0x9e3779b1);
  for (let index = 0; index < into.length; index++) {
    let bits = (first + Math.imul(start + index, 0x85ebca6b)) | 0;
    bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
    bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
    const fraction = ((bits ^ (bits >>> 15)) >>> 16) / 65536;
    into[index] = centre + spread * (2 * fraction - 1);
  }
}
