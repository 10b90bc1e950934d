/**
 * How predictions for whole texts are measured. In all of these, predictions and truths may change places.
 *
 * All refuse lists that are empty or of two lengths. Where a definition divides by zero the value is 0, as in scikit-learn; for
 * the correlations with a constant, where SciPy says NaN, it is 0 too: a constant says nothing, and a record in JSON
 * holds no NaN.
 */

import type { Metric } from "./task.ts";

type Numbers = ArrayLike<number>;

/** The metrics of whole texts by their names; those of answers are in squad-metrics.ts. */
export const SEQUENCE_METRICS: Readonly<
  Record<Exclude<Metric, "exact-match" | "span-f1">, (predicted: Numbers, actual: Numbers) => number>
> = { accuracy, f1, matthews, pearson, spearman };

/** The share of predictions that are right. */
export function accuracy(predicted: Numbers, actual: Numbers): number {
  checkLengths(predicted, actual);
  return countWhere(predicted, (label, index) => label === actual[index]) / predicted.length;
}

/** 2·TP / (2·TP + FP + FN) of the class 1: the harmonic mean of its precision and its recall. */
export function f1(predicted: Numbers, actual: Numbers): number {
  checkLengths(predicted, actual);
  const both = countWhere(predicted, (label, index) => label === 1 && actual[index] === 1);
  const either = countWhere(predicted, (label) => label === 1) + countWhere(actual, (label) => label === 1);
  return either === 0 ? 0 : (2 * both) / either;
}

/**
 * The Matthews correlation coefficient, for any number of classes (Gorodkin 2004): with c right ones of s, and p_k predictions
 * and t_k truths of class k, (c·s − Σ p_k·t_k) / √((s² − Σ p_k²)·(s² − Σ t_k²)). With two classes it is Pearson's
 * correlation of the labels.
 */
export function matthews(predicted: Numbers, actual: Numbers): number {
  checkLengths(predicted, actual);
  const size = predicted.length;
  const right = countWhere(predicted, (label, index) => label === actual[index]);
  const ofPredicted = countsOf(predicted);
  const ofActual = countsOf(actual);
  const overlap = (one: ReadonlyMap<number, number>, other: ReadonlyMap<number, number>) =>
    [...one].reduce((sum, [label, count]) => sum + count * (other.get(label) ?? 0), 0);
  const spread = (size ** 2 - overlap(ofPredicted, ofPredicted)) * (size ** 2 - overlap(ofActual, ofActual));
  return spread === 0 ? 0 : (right * size - overlap(ofPredicted, ofActual)) / Math.sqrt(spread);
}

/** Pearson's correlation, Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)²·Σ (y − ȳ)²). @throws naming a number that is not finite. */
export function pearson(predicted: Numbers, actual: Numbers): number {
  checkLengths(predicted, actual);
  checkFinite(predicted);
  checkFinite(actual);
  // By its numbers and not by its spread, which rounding of the mean can leave above 0.
  if (isConstant(predicted) || isConstant(actual)) return 0;
  const x = standardised(predicted);
  const y = standardised(actual);
  const correlation = x.reduce((sum, value, index) => sum + value * y[index], 0);
  return Math.max(-1, Math.min(1, correlation));
}

/** Spearman's correlation: Pearson's of the ranks, where equal numbers share the mean of their ranks. */
export function spearman(predicted: Numbers, actual: Numbers): number {
  checkLengths(predicted, actual);
  checkFinite(predicted);
  checkFinite(actual);
  return pearson(ranks(predicted), ranks(actual));
}

/** Ranks from 1 in ascending order; equal numbers share the mean of theirs. */
function ranks(values: Numbers): number[] {
  const order = Array.from(values, (_, index) => index).sort((one, other) => values[one] - values[other]);
  const found = new Array<number>(values.length);
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (const index of order.slice(from, to)) found[index] = (from + 1 + to) / 2;
  }
  return found;
}

/** Less their mean, and scaled to the length 1. */
function standardised(values: Numbers): number[] {
  const mean = Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
  const centred = Array.from(values, (value) => value - mean);
  // Squares of numbers above 1e154 or below 1e-162 would leave the range of doubles.
  const largest = centred.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scaled = centred.map((value) => value / largest);
  const length = Math.sqrt(scaled.reduce((sum, value) => sum + value ** 2, 0));
  return scaled.map((value) => value / length);
}

function isConstant(values: Numbers): boolean {
  return countWhere(values, (value) => value === values[0]) === values.length;
}

function countsOf(labels: Numbers): Map<number, number> {
  const counts = new Map<number, number>();
  for (let index = 0; index < labels.length; index++) counts.set(labels[index], (counts.get(labels[index]) ?? 0) + 1);
  return counts;
}

function countWhere(values: Numbers, holds: (value: number, index: number) => boolean): number {
  let count = 0;
  for (let index = 0; index < values.length; index++) if (holds(values[index], index)) count++;
  return count;
}

function checkLengths(predicted: Numbers, actual: Numbers): void {
  if (predicted.length !== actual.length)
    throw new Error(`${predicted.length} predictions cannot be measured by ${actual.length} truths`);
  if (predicted.length === 0) throw new Error("no predictions: there is nothing to measure");
}

function checkFinite(values: Numbers): void {
  for (let index = 0; index < values.length; index++)
    if (!Number.isFinite(values[index])) throw new Error(`number ${index} to correlate is ${values[index]}`);
}
