/**
 * `npm run bench:layers`: how close each kind of layer comes to the machine's peak in WASM SIMD. The peak is a bare loop of `dot` whose
 * operands stream from memory, as any kernel's must; beside it stands what dots on registers alone can do, which no kernel
 * reaches. One table, ratios of interleaved quiet times; `--sweep` tries other tiles too, `--widths` weights of less than a byte.
 */
import { emitWasm } from "../backends/wasm/emit.ts";
import { wasmLayout } from "../backends/wasm/layout.ts";
import { wasmSimd } from "../backends/wasm/targets.ts";
import { instantiateWasm } from "../backends/wasm/web-assembly.ts";
import { lowerToLoops, withPointers } from "../src/driver/lower.ts";
import * as l from "../src/loops/build.ts";
import {
  i32Type,
  vector,
  type Buffer,
  type LoopProgram,
  type Register,
  type Statement,
} from "../src/loops/loop.ts";
import type { Target } from "../src/loops/target.ts";
import { layers, type Layer } from "./layer-graphs.ts";
import { measure, type Candidate } from "./measure.ts";

/** What the peak kernels need of memory, and nothing of a network. */
function bareProgram(
  body: (x: Buffer, w: Buffer) => readonly Statement[],
  accs: readonly Register[],
): LoopProgram {
  const buffer = (name: string, role: Buffer["role"], element: "i16" | "i32", count: number): Buffer => ({
    name,
    element,
    count,
    slackBytes: 16,
    alignBytes: 16,
    role,
  });
  const [x, w] = [
    buffer("x", "input", "i16", 4 * bareSteps * 2),
    buffer("w", "input", "i16", bareSteps * 16),
  ];
  const y = buffer("y", "output", "i32", 32);
  const place = (count: number): number => Math.ceil((count * 2 + 16) / 16) * 16;
  const offsets = [0, place(x.count), place(x.count) + place(w.count)];
  const arenaBytes = offsets[2]! + 160;
  return {
    name: "peak",
    procedures: [
      {
        name: "peak",
        doc: "bare dots",
        body: [
          ...accs.map((acc) => l.set(acc, l.constant(acc.type, 0))),
          ...body(x, w),
          ...accs.map((acc, n) => l.store({ buffer: y, index: l.loopAffine(4 * n) }, l.read(acc))),
        ],
      },
    ],
    buffers: [x, w, y],
    offsetsBytes: new Map([x, w, y].map((each, i) => [each, offsets[i]!])),
    arenaBytes,
    arenaLowerBoundBytes: arenaBytes,
    tensors: [],
    inputs: [],
    outputs: [],
  };
}

const i16x8 = vector("i16", 8);
const bareSteps = 288;
const bareTrips = 16;
/** Both kernels: eight dots a step. */
const bareMacs = bareTrips * bareSteps * 64;

const accumulators = (pixels: number, vectors: number): Register[] =>
  Array.from({ length: pixels * vectors }, (_, i) => l.register(`acc${i}`, vector("i32", 4)));

/** Eight dots on registers: two operands loaded at a fixed place, four held. What the arithmetic units can do. */
function registersOnly(): LoopProgram {
  const accs = accumulators(2, 4);
  const i = l.register("i", i32Type);
  return bareProgram((x, w) => {
    const weights = [0, 1, 2, 3].map((c) => l.register(`w${c}`, i16x8));
    const xs = [0, 1].map((p) => l.register(`x${p}`, i16x8));
    return [
      ...weights.map((r, c) => l.set(r, l.load(i16x8, { buffer: w, index: l.loopAffine(8 * c) }))),
      l.loop(i, 0, bareTrips * bareSteps, 1, [
        ...xs.map((r, p) => l.set(r, l.load(i16x8, { buffer: x, index: l.loopAffine(8 * p) }))),
        ...accs.map((acc, n) => l.set(acc, l.dot(l.read(acc), l.read(xs[n % 2]!), l.read(weights[n >> 1]!)))),
      ]),
    ];
  }, accs);
}

/** The same eight dots with every operand streamed from memory: two vectors of weights and four splatted pairs a step. What a kernel can do. */
function streamed(): LoopProgram {
  const accs = accumulators(4, 2);
  const [t, k] = [l.register("t", i32Type), l.register("k", i32Type)];
  return bareProgram((x, w) => {
    const weights = [0, 1].map((c) => l.register(`w${c}`, i16x8));
    const weightAt = (c: number) => ({
      buffer: w,
      index: l.loopAffine(8 * c, [{ register: k, factor: 16 }]),
    });
    const inner: Statement[] = weights.map((r, c) => l.set(r, l.load(i16x8, weightAt(c))));
    for (let p = 0; p < 4; p++) {
      const a = l.register(`x${p}`, i16x8);
      const at = { buffer: x, index: l.loopAffine(p * bareSteps * 2, [{ register: k, factor: 2 }]) };
      inner.push(l.set(a, l.load(i16x8, at, 2)));
      for (const c of [0, 1]) {
        const acc = accs[2 * p + c]!;
        inner.push(l.set(acc, l.dot(l.read(acc), l.read(a), l.read(weights[c]!))));
      }
    }
    return [l.loop(t, 0, bareTrips, 1, [l.loop(k, 0, bareSteps, 1, inner)])];
  }, accs);
}

async function candidate(name: string, program: LoopProgram, timed: string): Promise<Candidate> {
  const addressed = withPointers(program, (buffer) => wasmLayout(program).get(buffer)!);
  const bytes = await emitWasm(addressed, { exportProcedures: true });
  const { procedures } = await instantiateWasm(bytes);
  const kernel = procedures[program.procedures.findIndex(({ name }) => name === timed)]!;
  return {
    name,
    run(times) {
      for (let i = 0; i < times; i++) kernel();
    },
  };
}

const percent = (x: number): string => `${(100 * x).toFixed(0)} %`;

async function main(): Promise<void> {
  const sweep = process.argv.includes("--sweep");
  const peaks = [
    await candidate("streamed", streamed(), "peak"),
    await candidate("registers", registersOnly(), "peak"),
  ];
  const rows: { layer: Layer; name: string; candidate: Candidate }[] = [];
  for (const layer of layers()) {
    const targets: [string, Target][] = [["chosen", wasmSimd], ...(sweep ? sweepTargets(layer) : [])];
    for (const [name, target] of targets)
      rows.push({
        layer,
        name,
        candidate: await candidate(layer.name, lowerToLoops(layer.graph, target), "y"),
      });
  }
  if (process.argv.includes("--widths"))
    for (const element of ["i6", "i4", "i3", "odd2"] as const)
      for (const layer of layers(element))
        rows.push({
          layer,
          name: element,
          candidate: await candidate(layer.name, lowerToLoops(layer.graph, wasmSimd), "y"),
        });
  const [bare, registers, ...measured] = measure([...peaks, ...rows.map((row) => row.candidate)]);
  const peakRate = bareMacs / bare!.quietUs / 1000;
  const registerRate = bareMacs / registers!.quietUs / 1000;
  console.log(`peak: ${peakRate.toFixed(1)} MAC/ns, dots with operands streamed from memory`);
  console.log(`      ${registerRate.toFixed(1)} MAC/ns, dots on registers alone\n`);
  console.log("layer                          tile        MACs      µs     MAC/ns   of peak  of registers");
  rows.forEach(({ layer, name }, i) => {
    const { quietUs } = measured[i]!;
    const rate = layer.macs / quietUs / 1000;
    console.log(
      `${layer.name.padEnd(30)} ${name.padEnd(9)} ${String(layer.macs).padStart(8)} ${quietUs.toFixed(1).padStart(7)} ${rate.toFixed(1).padStart(9)} ${percent(rate / peakRate).padStart(8)} ${percent(rate / registerRate).padStart(10)}`,
    );
  });
}

function sweepTargets(layer: Layer): [string, Target][] {
  const found: [string, Target][] = [];
  if (layer.depthwise) {
    for (const pixels of [1, 2, 3, 4, 5, 6])
      found.push([`P${pixels}`, { ...wasmSimd, tiles: { depthwisePixels: pixels } }]);
    return found;
  }
  for (const pixels of [1, 2, 3, 4, 5, 6])
    for (const vectors of [1, 2, 3, 4, 6, 8])
      if (pixels * vectors <= 12 && pixels <= layer.row)
        found.push([`${pixels}x${vectors}`, { ...wasmSimd, tiles: { contraction: { pixels, vectors } } }]);
  return found;
}

await main();
