/** Named pipelines, as text: what the driver runs unless told otherwise, and what `--pipeline` edits. */

/** From a model as it was exported to a real graph of few, large operations in one layout. */
const optimize = [
  "fold-constants",
  "canonicalize",
  "sink-transposes",
  "canonicalize",
  "recognize-layer-norm",
  "fuse-linear",
  "fold-batch-norm",
  "rewrite-batch-norm",
  // A normalization folded away may leave a constant to fold, and the other way round.
  "fuse-linear",
  "fold-transpose-into-linear",
  "fold-constants",
  "canonicalize",
  "fold-activation",
  "fold-pad",
  // An activation moved to its layer leaves reshapes next to each other.
  "canonicalize",
  "eliminate-common-subexpressions",
  "eliminate-dead-code",
].join(", ");

/** A budget (options of prune-channels: `macs=0.5`) in so many equal steps, each fitted before the next. */
const steps = (budget: string, rounds: number): string[] =>
  Array.from({ length: rounds }, (_, round) => {
    const left = rounds - round;
    const portion = left === 1 ? "" : `, portion=${Number((1 / left).toPrecision(6))}`;
    return `prune-channels{${budget}${portion}}, reconstruct`;
  });

/**
 * From a real graph to one of fewer channels that does about the same. Without `rounds`, in one step and in two, whichever leaves the
 * outputs closer.
 */
const prune = (budget: string, rounds: number | undefined): string =>
  [
    "separate-constants",
    "measure-channel-sensitivity{shares=[0.1, 0.3, 0.5, 0.7, 0.9]}",
    ...(rounds === undefined
      ? [...steps(budget, 1), "set-aside", ...steps(budget, 2), "keep-closest"]
      : steps(budget, rounds)),
    "remove-channels",
    "canonicalize",
    "eliminate-dead-code",
  ].join(", ");

/** From a real graph to a stored one. */
const quantizing = (widen: readonly string[], roundWeights: string): string[] => [
  "widen-fused",
  ...widen,
  "calibrate{method=auto}",
  "insert-fake-quantization",
  roundWeights,
  "correct-bias",
  "widen-outputs",
  "requantize",
  "eliminate-common-subexpressions",
  "eliminate-dead-code",
];
const quantize = quantizing([], "round-weights").join(", ");

/** The same as close to the real graph as it comes, for more of the compiler's time: 16 bits where they take little room, all weights rounded. */
const accurate = quantizing(["widen-values{values=small}"], "round-weights{bits=8}").join(", ");

/** The same without samples: ranges and means from batch normalizations and what the user states; nothing judges them. */
const dataFree = [
  "derive-ranges",
  "insert-fake-quantization",
  "correct-bias{data=none}",
  "requantize",
  "eliminate-common-subexpressions",
  "eliminate-dead-code",
].join(", ");

/** From a model that came quantized to a stored graph: its own scales, no samples. */
const quantized = [
  "sign-activations",
  "fold-constants",
  "remove-redundant-quantization",
  optimize,
  "complete-quantization",
  "normalize-weights",
  "requantize",
  // What was integers twice over is so once: a pair between equal types is nothing, reshapes of integers meet.
  "canonicalize",
  "eliminate-common-subexpressions",
  "eliminate-dead-code",
].join(", ");

/** What every stored graph is held to before it is compiled. */
const prove = "check-integer-only, bound-accumulators";

/** `default` with channels pruned to a budget. */
export const pruningPipeline = (budget: string, rounds?: number): string =>
  `${optimize}, ${prune(budget, rounds)}, ${quantize}, ${prove}`;

export const pipelines = {
  optimize,
  quantize: `${quantize}, ${prove}`,
  accurate: `${optimize}, ${accurate}, ${prove}`,
  "data-free": `${optimize}, ${dataFree}, ${prove}`,
  quantized: `${quantized}, ${prove}`,
  prove,
  default: `${optimize}, ${quantize}, ${prove}`,
} as const;
