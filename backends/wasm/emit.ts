/**
 * The loop IR as a WebAssembly module. Nothing is decided here: registers become locals, a `for` becomes a loop with its test at the
 * bottom, an expression becomes instructions, buffers get the addresses of layout.ts.
 *
 *     for v from a to b step s:      v = a;  if (v < b) loop { body;  v += s;  if (v < b) continue }
 *
 * The guard goes when the bounds are constants. The module exports `memory` (of fixed size), `run`, and on request every procedure
 * as `p0`, `p1`, …, and `reset` where state is carried from run to run; it imports nothing, has no start function and no names.
 *
 * binaryen is loaded when the first module is emitted, since that takes about a second.
 */
import type binaryen from "binaryen";
import type { LoopProgram, Procedure, Register, Statement } from "../../src/loops/loop.ts";
import { emitExpression } from "./emit-expression.ts";
import { emitStore, isNonNegative } from "./emit-memory.ts";
import type { FunctionScope, Ref } from "./function-scope.ts";
import { copyState, resetState, statesOf } from "./carried-state.ts";
import { addLocal, isVector, localOf, openScope, releaseTemporaries, valueType } from "./function-scope.ts";
import { layoutMemory, pageBytes } from "./layout.ts";

export interface EmitOptions {
  /** Exports procedure i as `p<i>`, for observation. Default false. */
  readonly exportProcedures?: boolean;
  /** Pages of 64 KiB; by default as many as the program needs. */
  readonly pages?: number;
  /**
   * Runs binaryen's clean-up of locals and blocks. Default false: measured on a 4 x 8 dot tile, neither these passes nor binaryen's -Os
   * changed the speed; -Os saved 3 % of the code, and emitting took three times as long.
   */
  readonly optimize?: boolean;
}

/**
 * Only passes that keep the order of loads and arithmetic: those that move or merge expressions undo the register blocking of
 * schedules.
 */
const sizePasses = ["coalesce-locals", "reorder-locals", "merge-blocks", "vacuum"];

/** @throws internal, when a statement cannot be expressed or the module does not validate */
export async function emitWasm(program: LoopProgram, options: EmitOptions = {}): Promise<Uint8Array> {
  const { default: library } = await import("binaryen");
  const layout = layoutMemory(program);
  const neededPages = Math.max(1, Math.ceil(layout.sizeBytes / pageBytes));
  const pages = options.pages ?? neededPages;
  if (pages < neededPages) throw new Error(`internal: wasm: ${pages} pages for ${layout.sizeBytes} bytes`);

  const module = new library.Module();
  try {
    const segments =
      layout.data.length === 0 ? [] : [{ offset: module.i32.const(layout.dataAddress), data: layout.data }];
    module.setMemory(pages, pages, "memory", segments);
    let usesVectors = false;
    program.procedures.forEach((procedure, at) => {
      const scope = openScope(module, library, layout.addresses);
      emitProcedure(scope, library, procedure, `p${at}`);
      if (options.exportProcedures === true) module.addFunctionExport(`p${at}`, `p${at}`);
      usesVectors ||= scope.usesVectors;
    });
    const calls = program.procedures.map((_, at) => module.call(`p${at}`, [], library.none));
    const carried = statesOf(program, layout.addresses);
    const runs = [...calls, ...carried.map((state) => copyState(module, library, state))];
    module.addFunction("run", library.none, library.none, [library.i32], module.block(null, runs));
    module.addFunctionExport("run", "run");
    if (carried.length > 0) {
      const resets = carried.map((state) => resetState(module, library, state));
      module.addFunction("reset", library.none, library.none, [library.i32], module.block(null, resets));
      module.addFunctionExport("reset", "reset");
    }
    const { NontrappingFPToInt, SIMD128 } = library.Features;
    const features = usesVectors ? NontrappingFPToInt | SIMD128 : NontrappingFPToInt;
    // binaryen declares a set of flags as one enum.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
    module.setFeatures(features);
    if (options.optimize === true) module.runPasses(sizePasses);
    if (module.validate() !== 1)
      throw new Error(`internal: wasm: the module of '${program.name}' is invalid`);
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

function emitProcedure(
  scope: FunctionScope,
  library: typeof binaryen,
  procedure: Procedure,
  name: string,
): void {
  try {
    const body = emitBlock(scope, procedure.body);
    scope.module.addFunction(name, library.none, library.none, scope.locals, body);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new Error(`${error.message} (in procedure '${procedure.name}')`, { cause: error });
  }
}

function emitBlock(scope: FunctionScope, statements: readonly Statement[]): Ref {
  return scope.module.block(
    null,
    statements.flatMap((statement) => emitStatement(scope, statement)),
  );
}

function emitStatement(scope: FunctionScope, statement: Statement): Ref[] {
  switch (statement.kind) {
    case "comment":
    case "fence":
      return [];
    case "for":
      return emitLoop(scope, statement);
    case "set": {
      const { register, value } = statement;
      if (valueType(scope, register.type) !== valueType(scope, value.type)) {
        throw new Error(`internal: wasm: '${register.name}' is set to a value of another type`);
      }
      const set = scope.module.local.set(localOf(scope, register), emitExpression(scope, value));
      releaseTemporaries(scope);
      return [set];
    }
    case "store": {
      const store = emitStore(scope, statement, emitExpression);
      releaseTemporaries(scope);
      return [store];
    }
  }
}

function emitLoop(scope: FunctionScope, loop: Extract<Statement, { readonly kind: "for" }>): Ref[] {
  const { variable, from, to, step } = loop;
  if (variable.type.element !== "i32" || isVector(variable.type) || !(Number.isInteger(step) && step > 0)) {
    throw new Error(`internal: wasm: the loop over '${variable.name}' needs an i32 and a positive step`);
  }
  const { module, types } = scope;
  const { i32, local } = module;
  const isKnown = from.kind === "constant" && to.kind === "constant";
  if (isKnown && from.value >= to.value) return [];

  const index = localOf(scope, variable);
  const begin: Ref[] = [];
  // The upper bound is evaluated before the variable is set: it may name the same register.
  let bound: () => Ref;
  if (to.kind === "constant") {
    bound = () => i32.const(to.value | 0);
  } else if (to.kind === "register" && to.register !== variable && !isSet(loop.body, to.register)) {
    bound = () => emitExpression(scope, to);
  } else {
    const end = addLocal(scope, types.i32);
    begin.push(local.set(end, emitExpression(scope, to)));
    bound = () => local.get(end, types.i32);
  }
  begin.push(local.set(index, emitExpression(scope, from)));
  releaseTemporaries(scope);

  const wasNonNegative = scope.nonNegative.has(variable);
  const starts = isNonNegative(scope, from) && !isSet(loop.body, variable);
  if (starts) scope.nonNegative.add(variable);
  const body = loop.body.flatMap((inner) => emitStatement(scope, inner));
  if (!wasNonNegative) scope.nonNegative.delete(variable);
  if (isKnown && from.value + step >= to.value) return [...begin, ...body];

  const label = `loop${scope.loopCount++}`;
  const next = local.tee(index, i32.add(local.get(index, types.i32), i32.const(step)), types.i32);
  const repeat = module.br(label, i32.lt_s(next, bound()));
  const whole = module.loop(label, module.block(null, [...body, repeat]));
  if (isKnown) return [...begin, whole];
  return [...begin, module.if(i32.lt_s(local.get(index, types.i32), bound()), whole)];
}

/** Whether the statements assign the register, as a loop variable or by `set`. */
function isSet(statements: readonly Statement[], register: Register): boolean {
  return statements.some((statement) => {
    if (statement.kind === "set") return statement.register === register;
    return statement.kind === "for" && (statement.variable === register || isSet(statement.body, register));
  });
}
