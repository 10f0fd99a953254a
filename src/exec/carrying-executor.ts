/**
 * Runs a network that carries state as its caller sees it: without the state. What an output gave in one run its input gets in the next; the
 * first run, and the first after `reset`, gets real zeros.
 */
import type { Graph } from "../ir/graph.ts";
import { zeroOf } from "../ops/type-rules.ts";
import { elementCount, tensor, type Tensor } from "../tensor/tensor.ts";
import { isBigInteger } from "../tensor/element-type.ts";
import type { Executor } from "./executor.ts";

export interface CarryingExecutor extends Executor {
  /** All inputs of the next run, state among them, for what its caller gives. */
  inputsFor(given: readonly Tensor[]): readonly Tensor[];
  reset(): void;
}

/** Outputs are all of the graph's, state among them. The executor given is not to be used beside. */
export function carrying(executor: Executor, graph: Graph): CarryingExecutor {
  const states = new Map(graph.carried.map(({ input, output }) => [input, graph.outputs.indexOf(output)]));
  let last: readonly Tensor[] | undefined;
  const inputsFor = (given: readonly Tensor[]): readonly Tensor[] => {
    const rest = [...given];
    return graph.inputs.map((input) => {
      const place = states.get(input);
      if (place === undefined) return rest.shift()!;
      return last?.[place] ?? zeros(input.type);
    });
  };
  return {
    engine: executor.engine,
    inputsFor,
    run(given, observe) {
      const outputs = executor.run(inputsFor(given), observe);
      // Engines may hand out views of their memory.
      last = outputs.map((output) => ({ ...output, data: output.data.slice() }));
      return last;
    },
    reset() {
      last = undefined;
    },
    dispose() {
      executor.dispose();
    },
  };
}

function zeros(type: Graph["inputs"][number]["type"]): Tensor {
  const { element, shape } = type;
  if (isBigInteger(element)) return tensor(element, shape);
  return tensor(element, shape, new Array<number>(elementCount(shape)).fill(zeroOf(type)));
}
