/** Numbers and text as people read them. */

const minus = "−";
/** Keeps a number and its unit on one line. */
const space = "\u00a0";

/** Text as HTML or SVG content or attribute value. */
export function escapeHtml(text: string): string {
  return (
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&#39;")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are not allowed in HTML or SVG
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "�")
  );
}

/** A number with a fixed count of decimals, halves rounded up as they are written (0.81875 is 0.8188), and a true minus sign. */
export function formatFixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return "not a number";
  const text = Math.abs(value).toLocaleString("en", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
    useGrouping: false,
  });
  return value < 0 && Number(text) !== 0 ? `${minus}${text}` : text;
}

/** Loss in nats, three decimals. */
export function formatLoss(loss: number): string {
  return formatFixed(loss, 3);
}

/** 0.4163 → "41.6 %". */
export function formatPercent(fraction: number, decimals = 1): string {
  return `${formatFixed(100 * fraction, decimals)}${space}%`;
}

/** 1234567 → "1,234,567". */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Parameters in short: "12.3 M". */
export function formatParameters(count: number): string {
  if (count < 1e4) return formatCount(count);
  if (count < 1e6) return `${formatThreeDigits(count / 1e3)}${space}K`;
  if (count < 1e9) return `${formatThreeDigits(count / 1e6)}${space}M`;
  return `${formatThreeDigits(count / 1e9)}${space}B`;
}

/** A scale for an axis: divide by `divisor`, write `unit`. */
export interface Unit {
  divisor: number;
  unit: string;
}

const flopUnits: (Unit & { power: string })[] = [
  { divisor: 1e21, unit: "ZFLOP", power: "10²¹" },
  { divisor: 1e18, unit: "EFLOP", power: "10¹⁸" },
  { divisor: 1e15, unit: "PFLOP", power: "10¹⁵" },
  { divisor: 1e12, unit: "TFLOP", power: "10¹²" },
  { divisor: 1e9, unit: "GFLOP", power: "10⁹" },
  { divisor: 1e6, unit: "MFLOP", power: "10⁶" },
  { divisor: 1, unit: "FLOP", power: "1" },
];

/** The unit in which the largest of some FLOP counts is at least 1. */
export function flopUnit(largest: number): Unit & { power: string } {
  return flopUnits.find((entry) => largest >= entry.divisor) ?? flopUnits[flopUnits.length - 1];
}

/** The unit in which some training times read best. */
export function timeUnit(largestMs: number): Unit {
  if (largestMs >= 3 * 3600e3) return { divisor: 3600e3, unit: "hours" };
  if (largestMs >= 600e3) return { divisor: 60e3, unit: "minutes" };
  return { divisor: 1e3, unit: "seconds" };
}

/** 1.234e15 → "1.23 PFLOP". */
export function formatFlops(flops: number): string {
  const { divisor, unit } = flopUnit(flops);
  return `${formatThreeDigits(flops / divisor)}${space}${unit}`;
}

/** "83.2 s", "4 min 12 s", "2 h 5 min". */
export function formatDuration(elapsedMs: number): string {
  const seconds = elapsedMs / 1e3;
  if (seconds < 120) return `${formatThreeDigits(seconds)}${space}s`;
  const whole = Math.round(seconds);
  if (whole < 7200) return `${Math.floor(whole / 60)}${space}min ${whole % 60}${space}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}${space}h ${minutes % 60}${space}min`;
}

function formatThreeDigits(value: number): string {
  const size = Math.abs(value);
  return formatFixed(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}
