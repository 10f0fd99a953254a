/**
 * Copies the caller's tensor once into the form a vector schedule reads: widened, centred, with a border.
 *
 * The caller's buffers are dense and as declared; a view shares its base's dense memory. Where a sum of products reads such a tensor and the
 * target keeps activations otherwise, or reads it past its edge, a kernel `NAME:staged` copies it first. A transposed input
 * needs none: its transposition is such a copy already. Scalar targets read the caller's memory directly.
 */
import { derivedName } from "../../src/exec/express-operation.ts";
import { at, axes, load } from "../../src/expr/build.ts";
import type { Load, Step, TensorReference } from "../../src/expr/expression.ts";
import type { Kernel, KernelProgram } from "../../src/expr/kernel.ts";
import { loadsOf, rewrite } from "../../src/expr/rewrite.ts";
import { nodesOf } from "../../src/expr/walk.ts";
import type { Target } from "../../src/loops/target.ts";

export function stageInputs(program: KernelProgram, target: Target): KernelProgram {
  if (target.vector === undefined) return program;
  const rootOf = (tensor: TensorReference): TensorReference => {
    const base = program.views.get(tensor);
    return base === undefined ? tensor : rootOf(base);
  };
  const shared = new Set([...program.views.keys(), ...program.views.values()]);
  const needsCopy = (read: Load): boolean => {
    const { tensor } = read;
    const fromCaller = program.inputs.includes(rootOf(tensor));
    if (tensor.data !== undefined || (!fromCaller && !shared.has(tensor))) return false;
    const narrow = tensor.element === "i8" || tensor.element === "u8";
    const widened = fromCaller && narrow && tensor.zero !== undefined && target.activations === "i16-centred";
    return widened || (read.fill !== undefined && target.borders);
  };

  const staged = new Map<TensorReference, TensorReference>();
  const kernels: Kernel[] = [];
  for (const kernel of program.kernels) {
    const steps = kernel.steps.map((step): Step => {
      const reads = new Set(
        productLoads(step)
          .filter(needsCopy)
          .map(({ tensor }) => tensor),
      );
      if (reads.size === 0) return step;
      for (const tensor of reads)
        if (!staged.has(tensor)) {
          const copy: TensorReference = { ...tensor, name: derivedName(tensor.name, "staged") };
          staged.set(tensor, copy);
          kernels.push(copyKernel(tensor, copy));
        }
      const value = rewrite(step.value, {
        load: (read) => (reads.has(read.tensor) ? { ...read, tensor: staged.get(read.tensor)! } : undefined),
      });
      return { ...step, value };
    });
    kernels.push({ ...kernel, steps });
  }
  return { ...program, kernels };
}

/** Loads under a sum of products with constant weights. */
function productLoads(step: Step): Load[] {
  return nodesOf(step.value).flatMap((e) => {
    if (e.kind !== "reduce" || e.operator !== "add" || e.body.kind !== "binary" || e.body.operator !== "mul")
      return [];
    const loads = loadsOf(e.body);
    return loads.some(({ tensor }) => tensor.data !== undefined) ? loads : [];
  });
}

function copyKernel(from: TensorReference, to: TensorReference): Kernel {
  const domain = axes(from.shape, []);
  const index = domain.map(at);
  return { name: to.name, doc: "stage", steps: [{ target: to, domain, index, value: load(from, index) }] };
}
