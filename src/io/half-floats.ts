/** Numbers of sixteen bits, made into those of 32 that are equal to them. */

const SIGN = 0x8000;
const F16_INFINITY = 0x7c00;
/** Bits of the mantissa that F32 has and F16 has not. */
const F16_SHIFT = 13;
const F32_INFINITY = 0x7f800000;
/** 2^(127 − 15): what a number is short of when an exponent of F16 is read as one of F32, subnormal ones included. */
const F16_SCALE = 2 ** 112;

/** IEEE 754 half precision → single precision; a NaN keeps its bits. */
export function widenF16(halves: Uint16Array, into: Float32Array): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let index = 0; index < halves.length; index++) {
    const half = halves[index];
    const magnitude = half & ~SIGN;
    if (magnitude >= F16_INFINITY) words[index] = F32_INFINITY | (magnitude << F16_SHIFT);
    else {
      words[index] = magnitude << F16_SHIFT;
      into[index] *= F16_SCALE;
    }
    words[index] |= (half & SIGN) << 16;
  }
}

/** bfloat16, the upper half of a number in single precision, → single precision. */
export function widenBf16(halves: Uint16Array, into: Float32Array): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let index = 0; index < halves.length; index++) words[index] = halves[index] << 16;
}
