/**
 * From graph to loops: the whole lowering on one page.
 *
 *     graph ─ form kernels ─ separate outputs ─ stage inputs ─ choose layouts ─ schedule each step ─ plan memory ─► loop program
 */
import type { TensorReference } from "../expr/expression.ts";
import type { KernelProgram } from "../expr/kernel.ts";
import { printStep } from "../expr/print.ts";
import type { Graph } from "../ir/graph.ts";
import { storageOf, type Layout } from "../loops/layout.ts";
import {
  laneBytes,
  type Buffer,
  type LoopProgram,
  type Procedure,
  type TensorStorage,
} from "../loops/loop.ts";
import type { Target } from "../loops/target.ts";
import { zeroOf } from "../ops/type-rules.ts";
import { addressesOf } from "../loops/walk.ts";
import { chooseLayouts } from "../../passes/lower/choose-layouts.ts";
import { formKernels } from "../../passes/lower/form-kernels.ts";
import { introducePointers, type BaseOf } from "../../passes/lower/introduce-pointers.ts";
import { separateOutputs } from "../../passes/lower/separate-outputs.ts";
import { stageInputs } from "../../passes/lower/stage-inputs.ts";
import { planMemory, type Lifetime } from "../../passes/memory/plan-memory.ts";
import { Lowering } from "../../passes/schedule/lowering.ts";
import { scheduleStep } from "../../passes/schedule/schedule-step.ts";

export interface LowerOptions {
  /** Names of values that must exist in memory, whatever fusion would do. */
  readonly keep?: ReadonlySet<string>;
  /** The program keeps the state that the graph carries, instead of its caller. */
  readonly keepsState?: boolean;
}

export function lowerToKernels(graph: Graph, target: Target, { keep }: LowerOptions = {}): KernelProgram {
  const formed = formKernels(graph, {
    moveIntoReductions: target.moveIntoReductions,
    lanesOnly: target.vector !== undefined,
    ...(keep === undefined ? {} : { keep }),
  });
  return stageInputs(separateOutputs(formed), target);
}

export function lowerToLoops(graph: Graph, target: Target, options: LowerOptions = {}): LoopProgram {
  const program = scheduleKernels(lowerToKernels(graph, target, options), target);
  if (options.keepsState !== true || graph.carried.length === 0) return program;
  return {
    ...program,
    carried: graph.carried.map(({ input, output }) => ({
      input: graph.inputs.indexOf(input),
      output: graph.outputs.indexOf(output),
      initial: zeroOf(input.type),
    })),
  };
}

export function scheduleKernels(program: KernelProgram, target: Target): LoopProgram {
  const layouts = chooseLayouts(program, target);
  const packed: Buffer[] = [];
  const procedures = program.kernels.map((kernel): Procedure => {
    const lowering = new Lowering(kernel.name, target, layouts);
    const scheduled = kernel.steps.map((step) => scheduleStep(step, lowering));
    packed.push(...lowering.buffers);
    const how = [...new Set(scheduled.map(({ schedule }) => schedule))].join(", ");
    const lines = kernel.steps.map((step) => printStep(step));
    return {
      name: kernel.name,
      doc: [`${kernel.doc} (${how})`, ...lines].join("\n"),
      body: scheduled.flatMap(({ statements }) => statements),
    };
  });
  return assemble(program, procedures, layouts);
}

/** Gathers the buffers the procedures name, and places them. */
function assemble(
  program: KernelProgram,
  procedures: readonly Procedure[],
  layouts: ReadonlyMap<TensorReference, Layout>,
): LoopProgram {
  const uses = new Map<Buffer, { first: number; last: number }>();
  const touch = (buffer: Buffer, moment: number): void => {
    const known = uses.get(buffer);
    uses.set(buffer, {
      first: Math.min(known?.first ?? moment, moment),
      last: Math.max(known?.last ?? moment, moment),
    });
  };
  const layoutOf = (tensor: TensorReference): Layout => layouts.get(tensor)!;
  const end = procedures.length;
  for (const input of program.inputs) touch(layoutOf(input).buffer, -1);
  procedures.forEach((procedure, moment) => {
    for (const { address } of addressesOf(procedure.body)) touch(address.buffer, moment);
  });
  for (const output of program.outputs) touch(layoutOf(output).buffer, end);

  const placed = [...uses.keys()].filter((buffer) => buffer.role !== "constant");
  const plan = planMemory(
    placed.map((buffer): Lifetime<Buffer> => {
      // Slack is only ever read, so it may lie over a neighbour: it takes part at the arena's end alone.
      const sizeBytes = buffer.count * laneBytes[buffer.element];
      return { item: buffer, sizeBytes, alignBytes: buffer.alignBytes, ...uses.get(buffer)! };
    }),
  );
  const endOf = (buffer: Buffer): number =>
    plan.offsetsBytes.get(buffer)! + buffer.count * laneBytes[buffer.element] + buffer.slackBytes;
  return {
    name: program.name,
    procedures,
    buffers: [...uses.keys()],
    offsetsBytes: plan.offsetsBytes,
    arenaBytes: placed.reduce((size, buffer) => Math.max(size, endOf(buffer)), 0),
    arenaLowerBoundBytes: plan.lowerBoundBytes,
    tensors: storages(program, layoutOf),
    inputs: program.inputs.map((tensor) => storageOf(tensor, layoutOf(tensor))),
    outputs: program.outputs.map((tensor) => storageOf(tensor, layoutOf(tensor))),
  };
}

function storages(
  program: KernelProgram,
  layoutOf: (tensor: TensorReference) => Layout,
): (TensorStorage & { after: number })[] {
  const after = new Map<TensorReference, number>(program.inputs.map((input) => [input, -1]));
  program.kernels.forEach(({ steps }, moment) => {
    for (const step of steps) after.set(step.target, moment);
  });
  for (const [view, base] of program.views) {
    const moment = after.get(base);
    if (moment !== undefined) after.set(view, moment);
  }
  return [...after].map(([tensor, moment]) => ({ ...storageOf(tensor, layoutOf(tensor)), after: moment }));
}

/** The program with pointers instead of indices, for back ends with a linear memory. */
export const withPointers = (program: LoopProgram, baseOf: BaseOf): LoopProgram => ({
  ...program,
  procedures: program.procedures.map((procedure) => introducePointers(procedure, baseOf)),
});
