/** One operation as text, run on tensors: what the tests of operators are written with. */
import { interpret, type InterpretOptions } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";

export type Given = Readonly<Record<string, string>>;

/** A graph of the one operation `%y = …`, whose operands are its inputs. Throws DiagnosticError when its types are wrong. */
export function graphOf(line: string, given: Given): Graph {
  const inputs = Object.entries(given).map(([name, type]) => `${name}: ${type}`);
  return parseGraph(`graph @f(${inputs.join(", ")}) {\n  ${line}\n  return %y\n}\n`);
}

/** The elements of the result, for elements of the operands in order. */
export function run(
  line: string,
  given: Given,
  elements: readonly (readonly number[])[],
  options?: InterpretOptions,
): number[] {
  const graph = graphOf(line, given);
  const tensors = graph.inputs.map(({ type }, i) => tensor(type.element, type.shape, elements[i]));
  return numbers(interpret(graph, tensors, undefined, options)[0]!);
}

export const numbers = ({ data }: Tensor): number[] => Array.from(data as ArrayLike<number | bigint>, Number);

/** Uniform in [0, 1), the same on every run. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}
