/**
 * Checks a compiled folder again: its files are what its stored graph gives, they are free of floats, its accumulators cannot
 * overflow, and all engines give the same bytes, on random, extreme and constant inputs or on samples.
 */
import { passes } from "../../passes/index.ts";
import { diagnostic, DiagnosticError, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { runPipeline } from "../pass/manager.ts";
import { createContext } from "../pass/pass.ts";
import { createRandom } from "../pass/random.ts";
import { bytesOfTensor } from "../tensor/bytes.ts";
import { elementRange, isBigInteger, isFloat } from "../tensor/element-type.ts";
import { elementCount, tensor, type Tensor } from "../tensor/tensor.ts";
import { parsePipeline } from "../text/pipeline.ts";
import { bundleEngines, checkBundle, sameBytes, type Bundle } from "./bundle.ts";
import { coreEngines, createEngine, runAll, type EngineFactories, type EngineName } from "./engines.ts";
import { compareIntermediates } from "./intermediates.ts";

export interface VerifyOptions {
  readonly bundle: Bundle;
  readonly engines: readonly EngineName[];
  readonly factories?: EngineFactories;
  /** How many random inputs; a constant and two extreme ones come on top. */
  readonly count?: number;
}

export interface Verification {
  readonly checks: readonly { readonly name: string; readonly passed: boolean; readonly detail: string }[];
  readonly problems: readonly Diagnostic[];
}

export async function verifyBundle(options: VerifyOptions): Promise<Verification> {
  const { bundle, engines, factories = coreEngines, count = 8 } = options;
  const graph = bundle.loadGraph();
  const { problems: stale, printed } = await checkBundle(bundle);
  const floats = stale.filter(({ code }) => code === "float-left");
  const files = stale.filter(({ code }) => code !== "float-left");
  const overflow = await boundAccumulators(bundle.loadGraph());
  const inputs = makeInputs(graph, count);
  // A shipped module that is not the printed one cannot be run: nobody knows where its tensors lie.
  const runnable = files.length === 0 ? bundleEngines(bundle, printed, factories) : factories;
  const unequal = await compareOutputs(graph, engines, runnable, inputs);
  const inner = await compareIntermediates(graph, engines, factories, inputs.slice(0, 4));
  const differing = inner.flatMap(({ engine, differing: found }) =>
    found.map(({ tensor: name, sample }) =>
      diagnostic(
        "error",
        "engines-differ",
        `${engine} computes another %${name} than the interpreter, input ${sample}`,
      ),
    ),
  );
  const tensors = inner.reduce((sum, { tensors: n }) => sum + n, 0);
  const names = engines.join(", ");
  const check = (name: string, found: readonly Diagnostic[], detail: string) => ({
    name,
    passed: found.length === 0,
    detail: found.length === 0 ? detail : `${found.length} problems`,
  });
  return {
    checks: [
      check("files", files, `${printed.files.size} files are what the stored graph gives`),
      check("float-free", floats, "no float type, literal, function or instruction"),
      check("no overflow", overflow, "every accumulator stays within 32 bits"),
      check("byte equality", unequal, `${names}: the same outputs on ${inputs.length} inputs`),
      check("intermediates", differing, `${tensors} tensors equal the interpreter's`),
    ],
    problems: [...files, ...floats, ...overflow, ...unequal, ...differing],
  };
}

async function boundAccumulators(graph: Graph): Promise<readonly Diagnostic[]> {
  try {
    await runPipeline(graph, parsePipeline("bound-accumulators"), passes, createContext());
    return [];
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
}

/** Lowest, highest and middle values everywhere, then seeded random ones. */
function makeInputs(graph: Graph, count: number): (readonly Tensor[])[] {
  const random = createRandom(1);
  const fill = (value: (min: number, max: number) => number): Tensor[] =>
    graph.inputs.map(({ type: { element, shape } }) => {
      const { min, max } =
        isFloat(element) || isBigInteger(element) ? { min: -1000, max: 1000 } : elementRange(element);
      const numbers = Array.from({ length: elementCount(shape) }, () => value(min, max));
      return tensor(element, shape, isBigInteger(element) ? numbers.map(BigInt) : numbers);
    });
  return [
    fill((min) => min),
    fill((_, max) => max),
    fill(() => 0),
    ...Array.from({ length: count }, () => fill((min, max) => min + random.integer(max - min + 1))),
  ];
}

async function compareOutputs(
  graph: Graph,
  engines: readonly EngineName[],
  factories: EngineFactories,
  inputs: readonly (readonly Tensor[])[],
): Promise<Diagnostic[]> {
  const oracle = await createEngine("interpreter", graph, coreEngines);
  const expected = runAll(oracle, inputs);
  const problems: Diagnostic[] = [];
  for (const name of engines) {
    const executor = await createEngine(name, graph, factories);
    runAll(executor, inputs).forEach((outputs, n) => {
      outputs.forEach((output, i) => {
        if (sameBytes(bytesOfTensor(output), bytesOfTensor(expected[n]![i]!))) return;
        const message = `${name} gives other bytes for output %${graph.outputs[i]!.name} than the interpreter, input ${n}`;
        problems.push(diagnostic("error", "engines-differ", message));
      });
    });
    executor.dispose();
  }
  return problems;
}
