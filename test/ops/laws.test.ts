/** What holds of every operator in the list (docs/testing.md). */
import { describe, expect, test } from "vitest";
import { expressOperation, tensorReferences } from "../../src/exec/express-operation.ts";
import { interpret } from "../../src/exec/interpreter.ts";
import { compileSteps } from "../../src/expr/evaluate.ts";
import type { TensorReference } from "../../src/expr/expression.ts";
import { Graph, type Value } from "../../src/ir/graph.ts";
import { sliceQuantization, tensorType, type TensorType } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { operatorNamed, operators } from "../../src/ops/index.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { elementCount, stridesOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { printGraph } from "../../src/text/print.ts";
import { generator, graphOf, numbers } from "./run-operator.ts";
import { storedCases, type StoredCase } from "./stored-cases.ts";

describe.each(operators.map((op) => [op.name, op] as const))("%s", (name, op) => {
  test("is found by its name, once", () => {
    expect(operatorNamed(name)).toBe(op);
    expect(operators.filter((other) => other.name === name)).toHaveLength(1);
  });

  test("has an example of itself that is sound and survives the text", () => {
    const graph = graphOf(op.example, op.given);
    expect(graph.operations.map(({ definition }) => definition)).toEqual([op]);
    expect(verify(graph)).toEqual([]);
    const text = printGraph(graph);
    expect(printGraph(parseGraph(text))).toBe(text);
  });

  test("documents its formula, and computes its example", () => {
    expect(op.doc).toMatch(/\by(\[.*\])? = |^A tensor/);
    if (op.value !== undefined) return;
    const graph = graphOf(op.example, op.given);
    const inputs = graph.inputs.map(({ type }) => filled(type, () => 1));
    expect(interpret(graph, inputs)[0]!.shape).toEqual(graph.outputs[0]!.type.shape);
  });
});

test("every operator that works on stored integers has a case below", () => {
  const covered = new Set(
    storedCases.flatMap(({ line, given }) => graphOf(line, given).operations[0]!.definition.name),
  );
  const works = operators.filter(
    (op) =>
      op.evalStored !== undefined ||
      ["accumulator", "same", "plain", "clamp", "fixed"].includes(op.integer?.kind ?? ""),
  );
  expect(works.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
});

test("every operator of reals that has no integer form says what to do instead", () => {
  const silent = operators.filter(
    ({ integer, rewrite, given }) =>
      integer === undefined &&
      rewrite === undefined &&
      Object.values(given).some((type) => type.includes("f32")),
  );
  // Quantization itself is on the way there.
  expect(silent.map(({ name }) => name)).toEqual(["quantize"]);
});

describe.each(storedCases.map((c) => [c.line.slice(5, 75), c] as const))("stored: %s", (_, storedCase) => {
  const graph = graphOf(storedCase.line, storedCase.given);
  const operation = graph.operations[0]!;
  const inputs = samplesOf(graph.inputs.map(({ type }) => type));

  if (operation.definition.evalStored !== undefined)
    test("the oracle and the expression give the same integers", () => {
      for (const sample of inputs) {
        const [oracle] = interpret(graph, sample);
        const [expression] = interpret(graph, sample, undefined, { expressionsOnly: true });
        expect(numbers(expression!)).toEqual(numbers(oracle!));
      }
    });

  test(`lies within ${storedCase.boundInSteps} steps of the real meaning`, () => {
    const meaning = realMeaning(storedCase, graph);
    const { type } = operation.result;
    for (const sample of inputs) {
      const reals = meaning(sample.map((t, i) => dequantized(t, graph.inputs[i]!.type)));
      numbers(interpret(graph, sample)[0]!).forEach((stored, i) => {
        if (type.quantization === undefined) {
          expect(stored).toBe(reals[i]!);
          return;
        }
        const { scale, zero } = sliceOf(type, i);
        const { min, max } = elementRange(type.element);
        const expected = Math.max(min, Math.min(max, reals[i]! / scale + zero));
        expect(Math.abs(stored - expected)).toBeLessThanOrEqual(
          storedCase.boundInSteps * Math.max(1, Math.abs(expected) / 2 ** 31),
        );
      });
    }
  });
});

/** The real operator on real operands, without rounding to f32. */
function realMeaning(
  { meaning }: StoredCase,
  stored: Graph,
): (operands: readonly Float64Array[]) => Float64Array {
  if (meaning === "identity") return ([x]) => x!;
  const graph = new Graph("real");
  const operation = stored.operations[0]!;
  const values = stored.inputs.map(({ name, type }) =>
    graph.addInput(name, type.quantization === undefined ? type : tensorType("f32", type.shape)),
  );
  const definition = meaning === undefined ? operation.definition : operatorNamed(meaning)!;
  const attributes = meaning === undefined ? operation.attributes : {};
  const real = graph.createGeneric(definition, values, attributes);
  const referenceOf = tensorReferences();
  const { steps, result } = expressOperation(real, referenceOf);
  const compiled = compileSteps(steps, { reals: true });
  return (operands) => {
    const bound = new Map<TensorReference, Tensor>(
      values.map((value: Value, i) => {
        const { element, shape } = value.type;
        return [referenceOf(value), tensor(element === "f32" ? "f64" : element, shape, operands[i])];
      }),
    );
    return Float64Array.from(numbers(compiled(bound).get(result)!));
  };
}

/** All lowest, all highest, all real zero, then random ones; every value of an 8-bit operand of 256 elements. */
function samplesOf(types: readonly TensorType[]): Tensor[][] {
  const random = generator(99);
  // Plain integers are indices, of any sign and beyond any axis.
  const within = ({ element, quantization }: TensorType): { min: number; max: number } => {
    if (quantization === undefined) return element === "bool" ? { min: 0, max: 1 } : { min: -5, max: 5 };
    return element === "i32" ? { min: -2000, max: 2000 } : elementRange(element);
  };
  const patterns: ((type: TensorType, i: number) => number)[] = [
    (type) => within(type).min,
    (type) => within(type).max,
    (type) => type.quantization?.zero[0] ?? 0,
    (type, i) => within(type).min + (i % 256),
    ...Array.from({ length: 4 }, () => (type: TensorType) => {
      const { min, max } = within(type);
      return min + Math.floor(random() * (max - min + 1));
    }),
  ];
  return patterns.map((pattern) => types.map((type) => filled(type, (i) => pattern(type, i))));
}

const filled = ({ element, shape }: TensorType, value: (i: number) => number): Tensor =>
  tensor(
    element,
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => value(i)),
  );

function dequantized(t: Tensor, type: TensorType): Float64Array {
  if (type.quantization === undefined) return Float64Array.from(numbers(t));
  return Float64Array.from(numbers(t), (q, i) => {
    const { scale, zero } = sliceOf(type, i);
    return scale * (q - zero);
  });
}

function sliceOf({ shape, quantization }: TensorType, position: number): { scale: number; zero: number } {
  const axis = quantization!.axis ?? 0;
  const slice = Math.floor(position / (stridesOf(shape)[axis] ?? 1)) % (shape[axis] ?? 1);
  return sliceQuantization(quantization!, slice);
}
