/**
 * Gives every tensor of a kernel program its memory layout for a target.
 *
 * The caller's tensors (inputs, outputs) are dense and as declared. Tensors between kernels follow the target: 8-bit ones may
 * widen to i16 with the zero point subtracted; a tensor that a reduction reads past its edge gets a border that holds
 * real zero, as wide as the widest read. Views share their base's buffer, so a base that has views stays dense.
 */
import { affineBounds } from "../../src/expr/build.ts";
import { isAffine, type TensorReference } from "../../src/expr/expression.ts";
import type { KernelProgram } from "../../src/expr/kernel.ts";
import { loadsOf } from "../../src/expr/rewrite.ts";
import {
  constantLayout,
  denseStrides,
  extentOf,
  memoryElement,
  noBorder,
  vectorSlackBytes,
  type Border,
  type Layout,
} from "../../src/loops/layout.ts";
import { laneBytes, type Buffer } from "../../src/loops/loop.ts";
import type { Target } from "../../src/loops/target.ts";
import type { ElementType } from "../../src/tensor/element-type.ts";

export function chooseLayouts(program: KernelProgram, target: Target): Map<TensorReference, Layout> {
  const layouts = new Map<TensorReference, Layout>();
  const rootOf = (tensor: TensorReference): TensorReference => {
    const base = program.views.get(tensor);
    return base === undefined ? tensor : rootOf(base);
  };
  const outputRoots = new Set(program.outputs.map(rootOf));
  const borders = target.borders
    ? neededBorders(program, new Set([...program.views.values(), ...program.views.keys()]))
    : new Map<TensorReference, Border[]>();

  const place = (tensor: TensorReference): Layout => {
    const known = layouts.get(tensor);
    if (known !== undefined) return known;
    const base = program.views.get(tensor);
    const layout = base === undefined ? layoutOfRoot(tensor) : viewLayout(tensor, place(base));
    layouts.set(tensor, layout);
    return layout;
  };
  const layoutOfRoot = (tensor: TensorReference): Layout => {
    if (tensor.data !== undefined) return constantLayout(tensor, target);
    const role = program.inputs.includes(tensor) ? "input" : outputRoots.has(tensor) ? "output" : "scratch";
    const centred =
      role === "scratch" &&
      target.activations === "i16-centred" &&
      is8Bit(tensor.element) &&
      tensor.zero !== undefined;
    const border = role === "scratch" ? (borders.get(tensor) ?? []) : [];
    const { count, start } = extentOf(tensor.shape, border);
    const element = centred ? "i16" : memoryElement(tensor.element);
    // The caller's narrower tensors are never read in whole vectors: `stageInputs` copies them first.
    const overhung = target.vector !== undefined && (role === "scratch" || element === "i16");
    const buffer: Buffer = {
      name: tensor.name,
      element,
      count,
      slackBytes: overhung ? vectorSlackBytes : 0,
      alignBytes: target.vector !== undefined ? 16 : count === 0 ? 1 : Math.max(4, laneBytes[element]),
      role,
    };
    return {
      buffer,
      strides: denseStrides(tensor.shape, border),
      start,
      bias: centred ? tensor.zero : 0,
      border: tensor.shape.map((_, axis) => border[axis] ?? noBorder),
      borderValue: tensor.zero ?? 0,
    };
  };

  for (const input of program.inputs) place(input);
  for (const { steps } of program.kernels)
    for (const step of steps) {
      for (const load of loadsOf(step.value)) place(load.tensor);
      place(step.target);
    }
  for (const output of program.outputs) place(output);
  for (const view of program.views.keys()) place(view);
  return layouts;
}

function viewLayout(tensor: TensorReference, base: Layout): Layout {
  return {
    ...base,
    strides: denseStrides(tensor.shape),
    border: tensor.shape.map(() => noBorder),
  };
}

/** A border that makes a tensor this many times as large (small ones are counted larger) costs more than testing each read. */
const largestGrowth = 4;
const smallestTensor = 1024;

/** The border each scratch tensor's readers would like, for tensors without views. Only the value of real zero can lie in it. */
function neededBorders(
  program: KernelProgram,
  viewed: ReadonlySet<TensorReference>,
): Map<TensorReference, Border[]> {
  const borders = new Map<TensorReference, Border[]>();
  for (const { steps } of program.kernels)
    for (const { tensor, index, fill } of steps.flatMap((step) => loadsOf(step.value))) {
      if (
        fill === undefined ||
        fill !== (tensor.zero ?? 0) ||
        tensor.data !== undefined ||
        viewed.has(tensor)
      )
        continue;
      const known = borders.get(tensor) ?? tensor.shape.map(() => noBorder);
      borders.set(
        tensor,
        known.map((border, axis) => {
          const part = index[axis]!;
          if (!isAffine(part)) return border;
          const { min, max } = affineBounds(part);
          return {
            before: Math.max(border.before, -min),
            after: Math.max(border.after, max - (tensor.shape[axis]! - 1)),
          };
        }),
      );
    }
  for (const [tensor, border] of borders)
    if (
      extentOf(tensor.shape, border).count >
      largestGrowth * (extentOf(tensor.shape, []).count + smallestTensor)
    )
      borders.delete(tensor);
  return borders;
}

const is8Bit = (element: ElementType): boolean => element === "i8" || element === "u8";
