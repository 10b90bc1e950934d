/** What an analysis tells of a model. The lab measures it; the report only shows it. */

export interface MeanAndDeviation {
  mean: number;
  deviation: number;
}

/** Numbers as a histogram and by their moments. */
export interface Distribution extends MeanAndDeviation {
  /** Fourth central moment over the squared variance: 3 for normal numbers. */
  kurtosis: number;
  /** Of the bins, one more than there are, equally far apart; what lies outside is not drawn. */
  edges: readonly number[];
  /** Share of the numbers in each bin over its width. */
  density: readonly number[];
}

export interface ModelStatistics {
  /** Validation loss in nats. */
  loss: number;
  /** Of |g| over all elements of the gradient. */
  gradientElements: MeanAndDeviation;
  /** Of the L2 norms of the gradient's tensors. */
  gradientNorms: MeanAndDeviation;
  /** What the head reads. */
  activations: Distribution;
}

/** A model of an analysis. */
export interface AnalysedModel extends ModelStatistics {
  label: string;
  /** Layers of the network. */
  depth: number;
  /** Earth mover's distance of its activations from the first model's. */
  distance: number;
}

export interface Analysis {
  title: string;
  /** What is compared, in one line. */
  setup: string;
  models: AnalysedModel[];
  /** Sentences below the table. */
  notes: string[];
}
