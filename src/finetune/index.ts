/** The public names of labelled tasks and fine-tuning, which need Node. */

export { accuracy, f1, matthews, pearson, SEQUENCE_METRICS, spearman } from "../tasks/metrics.ts";
export { EMBEDDED_NAMES, OFFICIAL_NAMES, readTask } from "../tasks/named-tasks.ts";
export { answerF1, bestThresholds, evaluateSpans, exactMatch, normaliseAnswer } from "../tasks/squad-metrics.ts";
export type {
  ClassificationTask,
  DevelopmentSet,
  LabelledTask,
  Metric,
  RegressionTask,
  SequenceExample,
  SpanAnswer,
  SpanExample,
  SpanTask,
  TaggedExample,
  TaggingTask,
} from "../tasks/task.ts";
export { evaluateOn } from "./evaluate-on.ts";
export {
  type EpochRecord,
  type FineTuned,
  type FineTuneOptions,
  type FineTuneProgress,
  fineTune,
} from "./fine-tune.ts";
export { type FineTuneIntoOptions, type FineTuningRecord, fineTuneInto } from "./fine-tune-into.ts";
export { type HeadModel, headModelFor } from "./head-model.ts";
export type { Evaluated, HeadedTask, Prediction, Scores } from "./headed-task.ts";
export { headedTask } from "./join-task.ts";
export { loadFineTuned, loadForTask, type ModelForTask } from "./load-for-task.ts";
