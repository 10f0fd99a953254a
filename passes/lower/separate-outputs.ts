/**
 * Gives every output memory of its own: the caller passes one buffer for each.
 *
 * Most outputs are computed into theirs. One that is an input, a constant, or returned a second time has none, and a kernel
 * `NAME.outputN` copies it into one. Views need no care here: form-kernels lets an output share a computed tensor's memory, and only one.
 */
import { at, axes, compute, load } from "../../src/expr/build.ts";
import type { TensorReference } from "../../src/expr/expression.ts";
import type { Kernel, KernelProgram } from "../../src/expr/kernel.ts";

export function separateOutputs(program: KernelProgram): KernelProgram {
  const computed = new Set(program.kernels.flatMap(({ steps }) => steps.map(({ target }) => target)));
  const rootOf = (tensor: TensorReference): TensorReference => {
    const base = program.views.get(tensor);
    return base === undefined ? tensor : rootOf(base);
  };
  const taken = new Set<TensorReference>();
  const copies: Kernel[] = [];
  const outputs = program.outputs.map((output, position) => {
    const root = rootOf(output);
    if (computed.has(root) && !taken.has(root)) {
      taken.add(root);
      return output;
    }
    const { name, shape, element, zero } = output;
    const copy: TensorReference = {
      name: `${name}.output${position}`,
      shape,
      element,
      ...(zero === undefined ? {} : { zero }),
    };
    const domain = axes(shape, []);
    copies.push({
      name: copy.name,
      doc: "copy",
      steps: [compute(copy, domain, load(output, domain.map(at)))],
    });
    return copy;
  });
  return copies.length === 0 ? program : { ...program, kernels: [...program.kernels, ...copies], outputs };
}
