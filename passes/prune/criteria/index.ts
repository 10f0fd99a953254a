/** Every criterion, explicitly. */
import { averageZeros } from "./average-zeros.ts";
import { batchNormScale } from "./batch-norm-scale.ts";
import type { Criterion } from "./criterion.ts";
import { entropy } from "./entropy.ts";
import { geometricMedian } from "./geometric-median.ts";
import { inboundShare } from "./inbound-share.ts";
import { l1Norm } from "./l1-norm.ts";
import { l2Norm } from "./l2-norm.ts";
import { lasso } from "./lasso.ts";
import { lpNorm } from "./lp-norm.ts";
import { measuredLoss } from "./measured-loss.ts";
import { normProduct } from "./norm-product.ts";
import { outputVariance } from "./output-variance.ts";
import { randomOrder } from "./random.ts";
import { secondOrder } from "./second-order.ts";

export const criteria: readonly Criterion[] = [
  randomOrder,
  l1Norm,
  l2Norm,
  lpNorm,
  normProduct,
  batchNormScale,
  geometricMedian,
  averageZeros,
  outputVariance,
  inboundShare,
  entropy,
  lasso,
  secondOrder,
  measuredLoss,
];
