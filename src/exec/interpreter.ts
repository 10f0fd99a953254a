/**
 * The reference interpreter: runs a graph operation by operation and is the oracle of everything compiled.
 *
 * An integer operation that states its arithmetic a second time (`evalStored`) is run by that, all others by their
 * expression; with `expressionsOnly` the expression is run always, so that tests can hold one against the other.
 */
import { diagnostic, DiagnosticError, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { compileSteps } from "../expr/evaluate.ts";
import type { TensorReference } from "../expr/expression.ts";
import type { Graph, Operation, Value } from "../ir/graph.ts";
import { nameOperands } from "../ir/operation.ts";
import { formatType, sameShape, tensorType, type TensorType } from "../ir/types.ts";
import { isFloat } from "../tensor/element-type.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Executor, ExecutorFactory, Observer } from "./executor.ts";
import { constantValue, expressOperation, tensorReferences, type ReferenceOf } from "./express-operation.ts";

export interface InterpretOptions {
  /** Never uses `evalStored`. */
  readonly expressionsOnly?: boolean;
}

type Kernel = (operands: readonly Tensor[]) => Tensor;

/** One inference; see `createInterpreter`. */
export function interpret(
  graph: Graph,
  inputs: readonly Tensor[],
  observe?: Observer,
  options?: InterpretOptions,
): readonly Tensor[] {
  return createInterpreter(graph, options).run(inputs, observe);
}

/**
 * An executor over the graph as it is now; it does not see later changes. The observer gets the inputs, then the result of every
 * operation but constants.
 *
 * `run` throws DiagnosticError when the inputs do not fit the graph's.
 */
export function createInterpreter(graph: Graph, options: InterpretOptions = {}): Executor {
  const referenceOf = tensorReferences();
  const inputs = graph.inputs.map(({ name, type }) => ({ name, type }));
  const inputValues = [...graph.inputs];
  const outputs = [...graph.outputs];
  const constants = new Map<Value, Tensor>();
  const plan: {
    readonly operation: Operation;
    readonly operands: readonly Value[];
    readonly kernel: Kernel;
  }[] = [];
  for (const operation of graph.operations) {
    const known = constantValue(operation.result);
    if (known !== undefined) constants.set(operation.result, known);
    else
      plan.push({
        operation,
        operands: [...operation.operands],
        kernel: kernelOf(operation, referenceOf, options),
      });
  }

  return {
    engine: "interpreter",
    run(given, observe) {
      checkInputs(graph.name, inputs, given);
      const tensors = new Map<Value, Tensor>(constants);
      inputValues.forEach((value, i) => {
        tensors.set(value, given[i]!);
        observe?.(value.name, given[i]!);
      });
      for (const { operation, operands, kernel } of plan) {
        const result = kernel(operands.map((value) => tensors.get(value)!));
        tensors.set(operation.result, result);
        observe?.(operation.result.name, result);
      }
      return outputs.map((value) => tensors.get(value)!);
    },
    dispose() {
      plan.length = 0;
    },
  };
}

export const interpreterFactory: ExecutorFactory = (graph) =>
  new Promise((resolve) => {
    resolve(createInterpreter(graph));
  });

function kernelOf(operation: Operation, referenceOf: ReferenceOf, options: InterpretOptions): Kernel {
  const { definition, attributes } = operation;
  const resultType = operation.result.type;
  const operandTypes = operation.operands.map((value) => value.type);
  const integers = [...operandTypes, resultType].every((type) => !isFloat(type.element));
  const stored = integers && resultType.quantization !== undefined;
  if (stored && definition.evalStored !== undefined && options.expressionsOnly !== true) {
    const types = { operands: nameOperands(definition, operandTypes), result: resultType };
    return (operands) => {
      const result = definition.evalStored!(nameOperands(definition, operands), attributes, types);
      if (result.element !== resultType.element || !sameShape(result.shape, resultType.shape))
        throw new Error(
          `internal: evalStored of '${definition.name}' gives ${describe(result)}, not ${describe(resultType)}`,
        );
      return result;
    };
  }
  const references = operation.operands.map(referenceOf);
  const { steps, result } = expressOperation(operation, referenceOf);
  const run = compileSteps(steps);
  return (operands) => {
    const bound = new Map<TensorReference, Tensor>(
      references.map((reference, i) => [reference, operands[i]!]),
    );
    return run(bound).get(result)!;
  };
}

/** Throws DiagnosticError with everything that is wrong. */
function checkInputs(
  graph: string,
  inputs: readonly { readonly name: string; readonly type: TensorType }[],
  given: readonly Tensor[],
): void {
  const subject = `graph "${graph}"`;
  if (given.length !== inputs.length)
    throw new DiagnosticError([
      diagnostic("error", "input-count", `${given.length} inputs given, expected ${inputs.length}`, {
        subject,
        notes: inputs.map(({ name, type }) => ({ message: `%${name}: ${formatType(type)}` })),
      }),
    ]);
  const problems = inputs.flatMap(({ name, type }, i): Diagnostic[] => {
    const tensor = given[i]!;
    if (tensor.element === type.element && sameShape(tensor.shape, type.shape)) return [];
    const message = `input %${name} is given ${describe(tensor)}, expected ${describe(type)}`;
    return [diagnostic("error", "input-type", message, { subject })];
  });
  if (problems.length > 0) throw new DiagnosticError(problems);
}

const describe = ({ element, shape }: Pick<TensorType, "element" | "shape">): string =>
  formatType(tensorType(element, shape));
