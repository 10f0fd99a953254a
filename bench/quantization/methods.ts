/** The methods of the study: what stands between `optimize` and `requantize`. */
import type { StudyNetwork } from "../networks.ts";

export interface Method {
  readonly name: string;
  readonly passes: string;
  /** Only these networks; those with folded normalizations unless given. */
  readonly networks?: readonly string[];
  /** Has no samples, but the range of the input: on networks that keep their normalizations. */
  readonly dataFree?: true;
}

export function runsOn({ name, networks, dataFree }: Method, network: StudyNetwork): boolean {
  if (networks !== undefined) return networks.includes(network.name);
  return name === standard || (dataFree ?? false) === (network.inputRange !== undefined);
}

const narrow = (options: string, calibration = "calibrate"): string =>
  `${calibration}, insert-fake-quantization{${options}}`;
const fake = (options: string, calibration?: string): string =>
  `widen-fused, ${narrow(options, calibration)}`;
const derived = (options: string, before = ""): string => `${before}${narrow(options, "derive-ranges")}`;
const unjudgedBias = "correct-bias{data=none}";
const classifiers = ["ic", "kws", "vww", "mnist"];

/** What all are held against, besides the real network. */
export const standard = "W8 default";

export const methods: readonly Method[] = [
  { name: "W8 min-max", passes: fake("bits=8", "calibrate{method=minmax}") },
  ...["moving-average", "percentile", "mse", "entropy-ort", "entropy-nvidia"].map((method) => ({
    name: `W8 ${method}`,
    passes: fake("bits=8", `calibrate{method=${method}}`),
  })),
  { name: "W8 chosen ranges", passes: fake("bits=8") },
  { name: standard, passes: `${fake("bits=8")}, correct-bias` },
  { name: "W8 symmetric", passes: `${fake("bits=8, activations=symmetric")}, correct-bias` },
  { name: "W8, fused values of 8 bits", passes: `${narrow("bits=8")}, correct-bias`, networks: ["ic"] },
  {
    name: "W8 symmetric, restricted",
    passes: `${fake("bits=8, activations=symmetric, activation-range=restricted")}, correct-bias`,
  },
  { name: "W8, wide outputs", passes: `${fake("bits=8")}, correct-bias, widen-outputs` },
  {
    name: "W8, 16-bit logits",
    passes: `widen-values{values=deciding}, ${fake("bits=8")}, correct-bias`,
  },
  {
    name: "W8 rounded, 16-bit logits",
    passes: `widen-values{values=deciding}, ${fake("bits=8")}, round-weights{bits=8}, correct-bias`,
  },
  {
    name: "W8, small values of 16 bits",
    passes: `widen-values{values=small}, ${fake("bits=8")}, correct-bias`,
  },
  {
    name: "W8 rounded, small values of 16 bits",
    passes: `widen-values{values=small}, ${fake("bits=8")}, round-weights{bits=8}, correct-bias`,
  },
  {
    name: "W4, small values of 16 bits",
    passes: `widen-values{values=small}, ${fake("bits=4")}, round-weights, correct-bias`,
  },
  { name: "W8A16", passes: `widen-values{values=all}, ${fake("bits=8")}, correct-bias` },
  {
    name: "W4A16",
    passes: `widen-values{values=all}, ${fake("bits=4")}, round-weights, correct-bias`,
  },
  {
    name: "W8 rounded, wide outputs",
    passes: `${fake("bits=8")}, round-weights{bits=8}, correct-bias, widen-outputs`,
  },
  { name: "W8 smoothed", passes: `smooth-activations, ${fake("bits=8")}, correct-bias` },
  { name: "W8 split", passes: `split-channels, ${fake("bits=8")}, correct-bias` },
  { name: "W8 absorbed", passes: `absorb-bias, ${fake("bits=8")}, correct-bias`, networks: ["vww", "ad"] },
  { name: "W8 rounded", passes: `${fake("bits=8")}, round-weights{bits=8}, correct-bias` },
  {
    name: "W8 per tensor, equalized",
    passes: `equalize-layers, ${fake("bits=8, weights=tensor")}`,
    networks: ["vww", "ad", "vww_bn"],
  },
  { name: "W8 per tensor", passes: fake("bits=8, weights=tensor"), networks: ["vww", "ad", "vww_bn"] },
  {
    name: "W8 per tensor, bias",
    passes: `${fake("bits=8, weights=tensor")}, correct-bias`,
    networks: ["vww", "ad", "vww_bn"],
  },
  { name: "data-free, ranges alone", passes: derived("bits=8"), dataFree: true },
  { name: "data-free", passes: `${derived("bits=8")}, ${unjudgedBias}`, dataFree: true },
  {
    name: "data-free, average and logits of 16 bits",
    passes: `widen-values{values="_GlobalAveragePool_27_output_0, _Gemm_29_output_0"}, ${derived("bits=8")}, ${unjudgedBias}`,
    networks: ["ic_bn"],
    dataFree: true,
  },
  { name: "data-free, W4", passes: `${derived("bits=4")}, ${unjudgedBias}`, dataFree: true },
  {
    name: "data-free, equalized",
    passes: `${derived("bits=8", "equalize-layers{data=none}, ")}, ${unjudgedBias}`,
    dataFree: true,
  },
  {
    name: "data-free, equalized, absorbed",
    passes: `${derived("bits=8", "equalize-layers{data=none}, absorb-bias{data=none}, ")}, ${unjudgedBias}`,
    dataFree: true,
  },
  { name: "data-free per tensor, ranges alone", passes: derived("bits=8, weights=tensor"), dataFree: true },
  {
    name: "data-free per tensor",
    passes: `${derived("bits=8, weights=tensor")}, ${unjudgedBias}`,
    dataFree: true,
  },
  {
    name: "data-free per tensor, equalized, ranges alone",
    passes: derived("bits=8, weights=tensor", "equalize-layers{data=none}, "),
    dataFree: true,
  },
  {
    name: "data-free per tensor, equalized",
    passes: `${derived("bits=8, weights=tensor", "equalize-layers{data=none}, ")}, ${unjudgedBias}`,
    dataFree: true,
  },
  {
    name: "data-free per tensor, equalized, absorbed",
    passes: `${derived("bits=8, weights=tensor", "equalize-layers{data=none}, absorb-bias{data=none}, ")}, ${unjudgedBias}`,
    dataFree: true,
  },
  { name: "W6 default", passes: `${fake("bits=6")}, round-weights, correct-bias`, networks: ["ad"] },
  { name: "W5 default", passes: `${fake("bits=5")}, round-weights, correct-bias`, networks: ["ad"] },
  { name: "W4 min-max", passes: fake("bits=4, weight-ranges=minmax") },
  { name: "W4 clipped", passes: fake("bits=4") },
  { name: "W4 clipped, bias", passes: `${fake("bits=4")}, correct-bias` },
  { name: "W4 towards weights", passes: `${fake("bits=4")}, round-weights{aim=weights}, correct-bias` },
  { name: "W4 default", passes: `${fake("bits=4")}, round-weights, correct-bias` },
  {
    name: "W4, ends 8",
    passes: `${fake("bits=4, first-last-bits=8")}, round-weights, correct-bias`,
    networks: classifiers,
  },
  { name: "W3 default", passes: `${fake("bits=3")}, round-weights, correct-bias` },
  {
    name: "W3, ends 8",
    passes: `${fake("bits=3, first-last-bits=8")}, round-weights, correct-bias`,
    networks: classifiers,
  },
  {
    name: "odd W2, ends 8",
    passes: `${fake("bits=2, first-last-bits=8")}, round-weights, correct-bias`,
    networks: classifiers,
  },
  { name: "W4, groups", passes: `${fake("bits=4, weights=group")}, round-weights, correct-bias` },
  { name: "W3, groups", passes: `${fake("bits=3, weights=group")}, round-weights, correct-bias` },
  {
    name: "W3, groups of powers",
    passes: `${fake("bits=3, weights=group, group-scales=powers")}, round-weights, correct-bias`,
  },
  {
    name: "W3, groups of 32",
    passes: `${fake("bits=3, weights=group, group-size=32")}, round-weights, correct-bias`,
  },
  {
    name: "odd W2, groups, ends 8",
    passes: `${fake("bits=2, weights=group, first-last-bits=8")}, round-weights, correct-bias`,
    networks: classifiers,
  },
];
