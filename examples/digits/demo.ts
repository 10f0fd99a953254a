/**
 * From digits.onnx to C and WebAssembly in one go: compiles with digits to calibrate, judges the result on digits that neither training
 * nor calibration has seen, runs the C, and prints what it costs and where it lies. Run it by `npm run demo`.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  compile,
  evaluate,
  loadModel,
  npyFromBytes,
  openSamples,
  readModel,
  tensor,
  writeNpy,
  writeOutputFolder,
  type NpyFile,
} from "quern";
import { classes, pixels, readDigits, side, takeDigits, type Digits } from "./mnist.ts";
import { bold, dim, grouped, milliseconds, share, status } from "./terminal.ts";

const here = "examples/digits";
const out = "build/digits";
const calibrationDigits = 200;

/** The network was trained on ink from 0 to 1. The compiled one takes the bytes, less 128. */
const mapping = { scale: 1 / 255 };

/** As in the generated digits.d.ts. */
interface Network {
  readonly inputs: readonly [{ readonly zero: number; readonly data: Int8Array }];
  readonly outputs: readonly [{ readonly data: Int8Array }];
  run(): void;
}

const now = (): number => performance.now();
const asNpy = ({ count, images }: Digits): NpyFile =>
  npyFromBytes(writeNpy(tensor("u8", [count, 1, side, side], images)), "digits.npy");

// 1. Compile.
const model = readModel(join(here, "digits.onnx"));
const begin = now();
const { graph, files, report } = await compile({
  model,
  samples: [asNpy(takeDigits(readDigits("train"), calibrationDigits))],
  sampleOptions: { mapping },
  progress: status,
});
writeOutputFolder(join(out, "compiled"), files, true);
console.log(
  `${bold("digits.onnx")}  ${grouped(report.parameters)} parameters, ` +
    `${grouped(report.macs)} multiply-accumulates; compiled in ${milliseconds(now() - begin)}`,
);

// 2. Judge: the same digits through the float network and through the integers.
const digits = readDigits("test");
const samples = openSamples([asNpy(digits)], graph.inputs, { mapping });
const evaluation = await evaluate({
  graph,
  engines: ["wasm-simd"],
  samples,
  labels: tensor("u8", [digits.count], digits.labels),
  reference: { graph: loadModel(model).graph },
  progress: status,
});
const integers = evaluation.engines[0]!;
console.log(`\n${bold(`${grouped(digits.count)} test digits`)}`);
console.log(`  float     ${share(evaluation.reference!.top1!)}`);
console.log(
  `  integers  ${share(integers.top1!)}, the same answer as float for ${share(integers.agreement!)}`,
);

// 3. Run the WebAssembly, as a page would: through the generated digits.mjs.
const loader = pathToFileURL(join(out, "compiled", "digits.mjs")).href;
const { load } = (await import(loader)) as { load: (module: Uint8Array) => Promise<Network> };
const network = await load(files.get("digits.wasm")!);
const [input, output] = [network.inputs[0], network.outputs[0]];
const scores = new Int8Array(digits.count * classes);
const started = now();
for (let n = 0; n < digits.count; n++) {
  for (let i = 0; i < pixels; i++) input.data[i] = digits.images[n * pixels + i]! + input.zero;
  network.run();
  scores.set(output.data, n * classes);
}
const wasmTimeMs = (now() - started) / digits.count;
console.log(`\n${bold("WebAssembly")}\n  ${milliseconds(wasmTimeMs)} a digit, on one core of this machine`);

// 4. Run the C: examples/digits/main.c with the generated digits.c, on the same digits.
const folder = join(out, "c");
const compiler = [process.env["CC"], "cc", "gcc", "clang"].find((name) => name && works(name));
console.log(`\n${bold("C")}`);
if (compiler === undefined) {
  console.log("  not run: no C compiler here (cc, gcc, clang, or the variable CC)");
} else {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(here, "main.c"), join(folder, "main.c"));
  for (const name of ["digits.c", "digits.h"]) copyFileSync(join(out, "compiled", name), join(folder, name));
  const flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror"];
  execute(compiler, [...flags, "main.c", "digits.c", "-o", "digits"]);
  const begin = now();
  const { stdout } = execute("./digits", [], digits.images);
  const time = milliseconds((now() - begin) / digits.count);
  if (stdout.compare(new Uint8Array(scores.buffer)) !== 0)
    throw new Error("the C and the WebAssembly differ");
  console.log(`  ${compiler} ${flags.join(" ")}: no warning`);
  console.log(
    `  every output byte equal to WebAssembly's for all ${grouped(digits.count)} digits, ${time} a digit`,
  );
}

// 5. What it costs.
const c = report.targets.c!;
console.log(`\n${bold("Size")}`);
console.log(`  RAM    ${bytes(c.arenaBytes)}, one static arena with input and output`);
console.log(`  flash  ${bytes(c.constantBytes)} of weights and tables${codeSize() ?? ""}`);
console.log(`  web    ${bytes(report.wasmBytes)} of WebAssembly, weights included`);

// 6. The page.
const web = join(out, "web");
rmSync(web, { recursive: true, force: true });
mkdirSync(web, { recursive: true });
for (const name of readdirSync(join(here, "web"))) copyFileSync(join(here, "web", name), join(web, name));
for (const name of ["digits.mjs", "digits.wasm"]) copyFileSync(join(out, "compiled", name), join(web, name));

console.log(`\n${bold("Look at")}`);
const look = (path: string, what: string): void => {
  console.log(`  ${path.padEnd(32)} ${dim(what)}`);
};
look(join(out, "compiled", "digits.c"), "and digits.h: copy them into your firmware");
look(join(out, "compiled", "digits.wasm"), "and digits.mjs: copy them into your page");
look(join(out, "compiled", "digits.qir"), "the network in integers, as text");
if (files.has("report.html")) look(join(out, "compiled", "report.html"), "layers, memory, decisions");
if (compiler !== undefined) look(folder, "the program just run, with main.c");
look("npm run demo:serve", "a page to draw digits on");

/** Machine code by the compiler of a microcontroller, or else by this machine's. */
function codeSize(): string | undefined {
  const source = join(out, "compiled", "digits.c");
  const object = join(out, "digits.o");
  const cortex = works("arm-none-eabi-gcc");
  const [tool, size, target, ...flags] = cortex
    ? ["arm-none-eabi-gcc", "arm-none-eabi-size", "Cortex-M4", "-mcpu=cortex-m4", "-mthumb"]
    : [compiler, "size", process.arch];
  if (tool === undefined || !works(size)) return undefined;
  spawnSync(tool, ["-std=c99", "-Os", ...flags, "-c", source, "-o", object]);
  const { stdout, status } = spawnSync(size, ["-A", object], { encoding: "utf8" });
  rmSync(object, { force: true });
  if (status !== 0) return undefined;
  const sections = [...stdout.matchAll(/^\.text\S*\s+(\d+)/gm)];
  return ` + ${bytes(sections.reduce((sum, found) => sum + Number(found[1]), 0))} of code (${target}, -Os)`;
}

function bytes(size: number): string {
  return `${grouped(size)} bytes`;
}

function works(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** In the C program's folder. @throws Error with what the command said */
function execute(command: string, parameters: readonly string[], input?: Uint8Array): { stdout: Buffer } {
  const found = spawnSync(command, parameters, {
    cwd: folder,
    maxBuffer: 2 ** 26,
    ...(input === undefined ? {} : { input }),
  });
  if (found.status !== 0)
    throw new Error(`'${command}' failed: ${found.error?.message ?? found.stderr.toString()}`);
  return found;
}
