/** The op table: every operation's record. The tests enumerate it. */

import type { OpRecord } from "../op.ts";
import { attentionOp } from "./attention.ts";
import { cachedAttentionOp } from "./cached-attention.ts";
import * as elementwise from "./elementwise.ts";
import { feedForwardOp } from "./feed-forward.ts";
import { gradientCheckpointOp } from "./gradient-checkpoint.ts";
import { layerNormOp, residualLayerNormOp } from "./layer-norm.ts";
import { crossEntropyOp } from "./loss.ts";
import { linearOp, matmulOp } from "./matmul.ts";
import { projectedCrossEntropyOp } from "./projected-cross-entropy.ts";
import { argmaxOp, detachOp, maxOp, sumOp } from "./reduction.ts";
import * as shaping from "./shaping.ts";
import { logSoftmaxOp, softmaxOp } from "./softmax.ts";

// biome-ignore lint/suspicious/noExplicitAny: each record has options of its own.
type AnyOp = { record: OpRecord<any> };

const ops: readonly AnyOp[] = [
  elementwise.addOp,
  elementwise.subOp,
  elementwise.mulOp,
  elementwise.divOp,
  elementwise.powOp,
  elementwise.maximumOp,
  elementwise.minimumOp,
  elementwise.equalOp,
  elementwise.lessOp,
  elementwise.lessEqualOp,
  elementwise.negOp,
  elementwise.expOp,
  elementwise.logOp,
  elementwise.sqrtOp,
  elementwise.absOp,
  elementwise.signOp,
  elementwise.tanhOp,
  elementwise.sigmoidOp,
  elementwise.reluOp,
  elementwise.erfOp,
  elementwise.geluOp,
  elementwise.geluTanhOp,
  elementwise.siluOp,
  elementwise.whereOp,
  elementwise.expandOp,
  elementwise.dropoutOp,
  sumOp,
  maxOp,
  argmaxOp,
  detachOp,
  shaping.reshapeOp,
  shaping.stridedOp,
  shaping.stridedScatterOp,
  shaping.concatOp,
  shaping.takeRowsOp,
  shaping.addRowsOp,
  shaping.gatherOp,
  shaping.scatterAddOp,
  matmulOp,
  linearOp,
  feedForwardOp,
  softmaxOp,
  logSoftmaxOp,
  layerNormOp,
  residualLayerNormOp,
  attentionOp,
  cachedAttentionOp,
  crossEntropyOp,
  projectedCrossEntropyOp,
  gradientCheckpointOp,
];

/** Every operation's record, by name. */
export const opTable: ReadonlyMap<string, AnyOp["record"]> = new Map(ops.map(({ record }) => [record.name, record]));
