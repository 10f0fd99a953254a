/**
 * Runs a loop program as emitted C, compiled by the machine's compiler: the engine `c`, and the tests' way to hold the C
 * back end to the interpreter's bytes.
 *
 * Each call starts the compiled program once, for all its samples: `runMany` spreads the start over them. The protocol is
 * in c-harness.ts. The program lives in a temporary folder that `dispose`, or else the end of the process, removes.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emitC } from "../../../backends/c/emit.ts";
import { identifier } from "../../../backends/c/names.ts";
import type { Executor, Observer } from "../../exec/executor.ts";
import { bufferBytes, type Buffer, type LoopProgram, type TensorStorage } from "../../loops/loop.ts";
import { readTensor, writeTensor } from "../../loops/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { findCompiler, runCompiler, type CompilerCommand } from "./c-compiler.ts";
import { dumpsOf, printHarness } from "./c-harness.ts";

export interface CExecutorOptions {
  /** Default: `findCompiler()`. */
  readonly compiler?: CompilerCommand;
  /** Replace the default `-O2`: optimization, warnings, sanitizers. */
  readonly flags?: readonly string[];
}

export interface CExecutor extends Executor {
  /** As `run`, for many samples by one process; the observer sees all tensors of a sample before those of the next. */
  runMany(samples: readonly (readonly Tensor[])[], observe?: Observer): readonly (readonly Tensor[])[];
}

/** What one process is asked to write at most. */
const largestAnswerBytes = 2 ** 28;

/**
 * Emits, compiles and wraps the program. Tensors are logical: inputs are stored and outputs read as their storage says.
 *
 * @throws DiagnosticError `no-c-compiler`; internal, when the emitted C does not compile
 */
export function createCExecutor(program: LoopProgram, options: CExecutorOptions = {}): CExecutor {
  const compiler = options.compiler ?? findCompiler();
  const folder = mkdtempSync(join(tmpdir(), "quern-c-"));
  const dispose = (): void => {
    process.off("exit", dispose);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on("exit", dispose);
  try {
    build(program, folder, compiler, options.flags ?? ["-O2"]);
  } catch (error) {
    dispose();
    throw error;
  }
  const runMany: CExecutor["runMany"] = (samples, observe) => {
    const answerBytes = answerSizeBytes(program, observe !== undefined);
    const batch = Math.max(1, Math.floor(largestAnswerBytes / Math.max(1, answerBytes)));
    const results: (readonly Tensor[])[] = [];
    for (let first = 0; first < samples.length; first += batch) {
      results.push(...runBatch(program, join(folder, "main"), samples.slice(first, first + batch), observe));
    }
    return results;
  };
  return {
    engine: "c",
    runMany,
    run: (inputs, observe) => runMany([inputs], observe)[0]!,
    dispose,
  };
}

function build(
  program: LoopProgram,
  folder: string,
  compiler: CompilerCommand,
  flags: readonly string[],
): void {
  const name = `net_${identifier(program.name)}`;
  const { source, header } = emitC(program, { name });
  writeFileSync(join(folder, `${name}.c`), source);
  writeFileSync(join(folder, `${name}.h`), header);
  writeFileSync(join(folder, "main.c"), printHarness(program, name));
  runCompiler(compiler, ["-std=c99", "-ffp-contract=off", ...flags, "main.c", "-o", "main", "-lm"], folder);
}

function answerSizeBytes(program: LoopProgram, observing: boolean): number {
  const outputs = program.outputs.map(({ buffer }) => buffer);
  const observed = observing ? dumpsOf(program).flatMap(({ buffers }) => buffers) : [];
  return sizeOf([...outputs, ...observed]);
}

const sizeOf = (buffers: readonly Buffer[]): number =>
  buffers.reduce((sum, buffer) => sum + bufferBytes(buffer), 0);

function runBatch(
  program: LoopProgram,
  executable: string,
  samples: readonly (readonly Tensor[])[],
  observe: Observer | undefined,
): (readonly Tensor[])[] {
  const answerBytes = samples.length * answerSizeBytes(program, observe !== undefined);
  const { status, signal, stdout, stderr, error } = spawnSync(
    executable,
    [String(samples.length), ...(observe === undefined ? [] : ["observe"])],
    { input: question(program, samples), maxBuffer: answerBytes + 2 ** 20 },
  );
  if (status !== 0 || stdout.length !== answerBytes) {
    const how =
      error?.message ?? `status ${status ?? signal ?? "unknown"}, ${stdout.length} of ${answerBytes} bytes`;
    throw new Error(`internal: the compiled C failed (${how})\n${stderr?.toString() ?? ""}`);
  }
  let at = 0;
  const take = (buffer: Buffer): Uint8Array => stdout.subarray(at, (at += bufferBytes(buffer)));
  return samples.map(() => {
    if (observe !== undefined) showTensors(program, take, observe);
    return program.outputs.map((storage) => readTensor(storage, take(storage.buffer)));
  });
}

/** The inputs of all samples, one after the other. Slack and borders are zeros. */
function question(program: LoopProgram, samples: readonly (readonly Tensor[])[]): Uint8Array {
  const { inputs } = program;
  const bytes = new Uint8Array(samples.length * sizeOf(inputs.map(({ buffer }) => buffer)));
  let at = 0;
  for (const sample of samples) {
    if (sample.length !== inputs.length) {
      throw new Error(`internal: ${sample.length} inputs for the ${inputs.length} of "${program.name}"`);
    }
    inputs.forEach((storage, index) => {
      writeTensor(storage, sample[index]!, bytes, at);
      at += bufferBytes(storage.buffer);
    });
  }
  return bytes;
}

/** Tensors in the program's order of computation; those in constants come from their data. */
function showTensors(program: LoopProgram, take: (buffer: Buffer) => Uint8Array, observe: Observer): void {
  const dumped = new Map(
    dumpsOf(program).map(({ after, buffers }) => [
      after,
      new Map(buffers.map((buffer) => [buffer, take(buffer)] as const)),
    ]),
  );
  for (const storage of program.tensors) {
    const memory = dumped.get(storage.after)?.get(storage.buffer) ?? constantBytes(storage);
    observe(storage.tensor, readTensor(storage, memory));
  }
}

function constantBytes({ tensor, buffer }: TensorStorage): Uint8Array {
  const { data } = buffer;
  if (data === undefined) throw new Error(`internal: nothing was dumped for "${tensor}"`);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
