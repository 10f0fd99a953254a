/**
 * Stores an output in 16 bits where eight demonstrably lose.
 *
 * An output q(y) differs from the real network's in two ways: y itself is wrong, because of all that was rounded before, and y is
 * rounded once more. On samples held out,
 *
 *     own = Σ (q(y) - y)²        rest = Σ (y - real y)²        sixteen bits where own > rest
 *
 * that is, where the last rounding alone is more than half of the error. An autoencoder whose input and output are compared, or a
 * regression of a wide range, may be like that; classifiers are not.
 *
 * Declines where the output comes from a table or passes on integers of others: only what is rescaled from 32 bits has more bits to
 * give. Values inside the network and inputs stay in eight.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { choice } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { inPlaceOf, supersede } from "../../src/ir/match.ts";
import { perTensor, tensorType } from "../../src/ir/types.ts";
import { chooseAffine } from "../../src/numerics/affine.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { definePass, type PassContext } from "../../src/pass/pass.ts";
import { foldDequantized } from "./fold-dequantized.ts";
import { toDecibels, valuesOf } from "../../src/measure/judge-outputs.ts";
import { heldOutSamples } from "../../src/measure/split-samples.ts";

export const widenOutputs = definePass({
  name: "widen-outputs",
  summary: "store outputs in 16 bits where 8 lose",
  options: { when: choice(["auto", "always"], "auto") },
  async run(graph, { options, context, count, find }) {
    const outputs = graph.outputs.flatMap((output, index): WidenableOutput[] => {
      const end = widenable(output);
      return end === undefined ? [] : [{ output, index, end }];
    });
    if (outputs.length === 0) return;
    const errors = options.when === "auto" ? await measure(graph, outputs, context) : undefined;
    outputs.forEach(({ output, end }, o) => {
      const { own, rest } = errors?.[o] ?? { own: 1, rest: 0 };
      const wide = own > rest;
      if (errors !== undefined)
        find({
          value: output.name,
          bits: wide ? 16 : 8,
          ...(own + rest > 0 ? { ownShare: own / (own + rest) } : {}),
          ...(rest > 0 && own > 0 ? { ownToRestDb: -toDecibels(own / rest) } : {}),
        });
      if (!wide) return;
      widen(graph, end);
      count("widened");
    });
  },
});

interface WidenableOutput {
  readonly output: Value;
  readonly index: number;
  /** Its quantization. */
  readonly end: Operation;
}

/** The quantization of an output in eight bits that nothing else reads and that ends a sum in 32 bits. */
function widenable(output: Value): Operation | undefined {
  const end = output.producer?.definition === dequantize ? output.producer.operands[0]!.producer : undefined;
  if (end?.definition !== quantize || end.result.users.size !== 1 || output.users.size > 0) return undefined;
  if (end.result.type.element !== "i8" || rangedValue(end) === undefined) return undefined;
  let root = end.operands[0]!.producer;
  while (root?.definition.integer?.kind === "clamp") root = root.operands[0]!.producer;
  const kind = root?.definition.integer?.kind;
  return kind === "accumulator" || kind === "rescaled" ? end : undefined;
}

const rangedValue = ({ operands: [value] }: Operation): Value | undefined =>
  value?.range === undefined ? undefined : value;

function widen(graph: Graph, end: Operation): void {
  const { min, max } = end.operands[0]!.range!;
  const { scale, zero } = chooseAffine(min, max, "i16");
  const type = tensorType("i16", end.result.type.shape, perTensor(scale, zero));
  const stored = graph.create(quantize, { input: end.operands[0]! }, {}, { ...inPlaceOf(end), type });
  supersede(graph, end, stored.result);
}

async function measure(
  graph: Graph,
  outputs: readonly WidenableOutput[],
  { samples, executor: createExecutor, snapshots }: PassContext,
): Promise<{ readonly own: number; readonly rest: number }[]> {
  const real = snapshots.get("real");
  if (samples === undefined)
    fail("no-samples", "'widen-outputs' has no samples to measure", {
      help: "give some with --calibrate X.npy",
    });
  if (real === undefined)
    fail("no-real-graph", "'widen-outputs' has no real network to compare with", {
      help: "run insert-fake-quantization before it, in the same pipeline",
    });
  if (createExecutor === undefined) throw new Error("no executor in the context");
  const fake = copyGraph(graph);
  foldDequantized(fake);
  const realNames = outputs.map(({ index }) => real.outputs[index]!.name);
  const before = outputs.map(({ end }) => end.operands[0]!.name);
  const after = outputs.map(({ output }) => output.name);
  const realExecutor = await createExecutor(real, new Set(realNames));
  const fakeExecutor = await createExecutor(fake, new Set([...before, ...after]));
  const errors = outputs.map(() => ({ own: 0, rest: 0 }));
  for (const sample of heldOutSamples(samples)) {
    const wanted = valuesOf(realExecutor, sample, realNames);
    const found = valuesOf(fakeExecutor, sample, [...before, ...after]);
    errors.forEach((error, o) => {
      const [y, stored] = [found[o]!, found[o + outputs.length]!];
      y.forEach((x, i) => {
        const [own, rest] = [stored[i]! - x, x - wanted[o]![i]!];
        error.own += own * own;
        error.rest += rest * rest;
      });
    });
  }
  realExecutor.dispose();
  fakeExecutor.dispose();
  return errors;
}
