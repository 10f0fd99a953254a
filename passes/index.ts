/** Every pass, explicitly. */
import type { Pass } from "../src/pass/pass.ts";
import { boundAccumulators } from "./analyze/bound-accumulators.ts";
import { checkIntegerOnly } from "./analyze/check-integer-only.ts";
import { canonicalize } from "./canonicalize/canonicalize.ts";
import { eliminateCommonSubexpressions } from "./canonicalize/eliminate-common-subexpressions.ts";
import { eliminateDeadCode } from "./canonicalize/eliminate-dead-code.ts";
import { foldConstants } from "./canonicalize/fold-constants.ts";
import { foldTransposeIntoLinear } from "./canonicalize/fold-transpose-into-linear.ts";
import { sinkTransposes } from "./canonicalize/sink-transposes.ts";
import { foldActivation } from "./fuse/fold-activation.ts";
import { foldBatchNorm } from "./fuse/fold-batch-norm.ts";
import { foldPad } from "./fuse/fold-pad.ts";
import { recognizeLayerNorm } from "./fuse/recognize-layer-norm.ts";
import { fuseLinear } from "./fuse/fuse-linear.ts";
import { rewriteBatchNorm } from "./fuse/rewrite-batch-norm.ts";
import { measureChannelSensitivity } from "./prune/measure-channel-sensitivity.ts";
import { pruneChannels } from "./prune/prune-channels.ts";
import { keepClosest } from "./prune/keep-closest.ts";
import { setAside } from "./prune/set-aside.ts";
import { reconstruct } from "./prune/reconstruct.ts";
import { reestimateBatchNorm } from "./prune/reestimate-batch-norm.ts";
import { removeChannels } from "./prune/remove-channels.ts";
import { pruneWeights } from "./prune/prune-weights.ts";
import { restoreWeights } from "./prune/restore-weights.ts";
import { separateConstants } from "./prune/separate-constants.ts";
import { absorbBias } from "./quantize/absorb-bias.ts";
import { calibrate } from "./quantize/calibrate.ts";
import { completeQuantization } from "./quantize/complete-quantization.ts";
import { correctBias } from "./quantize/correct-bias.ts";
import { deriveRanges } from "./quantize/derive-ranges.ts";
import { equalizeLayers } from "./quantize/equalize-layers.ts";
import { insertFakeQuantization } from "./quantize/insert-fake-quantization.ts";
import { normalizeWeights } from "./quantize/normalize-weights.ts";
import { removeRedundantQuantization } from "./quantize/remove-redundant-quantization.ts";
import { signActivations } from "./quantize/sign-activations.ts";
import { measureSensitivity } from "./quantize/measure-sensitivity.ts";
import { smoothActivations } from "./quantize/smooth-activations.ts";
import { splitChannels } from "./quantize/split-channels.ts";
import { roundWeights } from "./quantize/round-weights.ts";
import { widenFused } from "./quantize/widen-fused.ts";
import { widenOutputs } from "./quantize/widen-outputs.ts";
import { widenValues } from "./quantize/widen-values.ts";
import { requantize } from "./quantize/requantize.ts";

export const passes: readonly Pass[] = [
  foldConstants,
  canonicalize,
  sinkTransposes,
  foldTransposeIntoLinear,
  eliminateCommonSubexpressions,
  eliminateDeadCode,
  foldBatchNorm,
  rewriteBatchNorm,
  fuseLinear,
  foldPad,
  recognizeLayerNorm,
  foldActivation,
  measureChannelSensitivity,
  separateConstants,
  pruneChannels,
  setAside,
  keepClosest,
  reconstruct,
  reestimateBatchNorm,
  removeChannels,
  pruneWeights,
  restoreWeights,
  measureSensitivity,
  equalizeLayers,
  absorbBias,
  smoothActivations,
  splitChannels,
  widenFused,
  widenValues,
  calibrate,
  insertFakeQuantization,
  roundWeights,
  correctBias,
  deriveRanges,
  widenOutputs,
  removeRedundantQuantization,
  signActivations,
  completeQuantization,
  normalizeWeights,
  requantize,
  checkIntegerOnly,
  boundAccumulators,
];
