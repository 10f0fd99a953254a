/**
 * `npm run bench:layers`: how close each kind of layer comes to the machine's peak in WASM SIMD, where the peak is a bare loop of
 * `dot` on registers. One table, ratios of interleaved quiet times; `--sweep` tries other tiles too.
 */
import { emitWasm } from "../backends/wasm/emit.ts";
import { wasmLayout } from "../backends/wasm/layout.ts";
import { wasmSimd } from "../backends/wasm/targets.ts";
import { instantiateWasm } from "../backends/wasm/web-assembly.ts";
import { lowerToLoops, withPointers } from "../src/driver/lower.ts";
import * as l from "../src/loops/build.ts";
import { i32Type, vector, type Buffer, type LoopProgram } from "../src/loops/loop.ts";
import type { Target } from "../src/loops/target.ts";
import { layers, type Layer } from "./layer-graphs.ts";
import { measure, type Candidate } from "./measure.ts";

/** Loops of eight dots on registers: two operands loaded, four held. Its MACs a run are its trip count times 8 × 8. */
const peakTrips = 4096;
function peakProgram(): LoopProgram {
  const buffer = (name: string, role: Buffer["role"], element: "i16" | "i32", count: number): Buffer => ({
    name,
    element,
    count,
    slackBytes: 16,
    alignBytes: 16,
    role,
  });
  const [x, w, y] = [
    buffer("x", "input", "i16", 64),
    buffer("w", "input", "i16", 64),
    buffer("y", "output", "i32", 32),
  ];
  const i16x8 = vector("i16", 8);
  const at = (b: Buffer, index: number) => ({ buffer: b, index: l.loopAffine(index) });
  const weights = [0, 1, 2, 3].map((c) => l.register(`w${c}`, i16x8));
  const accs = [0, 1].flatMap((p) =>
    weights.map((_, c) => ({ p, c, acc: l.register(`acc${p}_${c}`, vector("i32", 4)) })),
  );
  const xs = [0, 1].map((p) => l.register(`x${p}`, i16x8));
  const i = l.register("i", i32Type);
  return {
    name: "peak",
    procedures: [
      {
        name: "peak",
        doc: "bare dots",
        body: [
          ...weights.map((r, c) => l.set(r, l.load(i16x8, at(w, 8 * c)))),
          ...accs.map(({ acc }) => l.set(acc, l.constant(acc.type, 0))),
          l.loop(i, 0, peakTrips, 1, [
            ...xs.map((r, p) => l.set(r, l.load(i16x8, at(x, 8 * p)))),
            ...accs.map(({ acc, p, c }) =>
              l.set(acc, l.dot(l.read(acc), l.read(xs[p]!), l.read(weights[c]!))),
            ),
          ]),
          ...accs.map(({ acc }, n) => l.store(at(y, 4 * n), l.read(acc))),
        ],
      },
    ],
    buffers: [x, w, y],
    offsetsBytes: new Map([
      [x, 0],
      [w, 160],
      [y, 320],
    ]),
    arenaBytes: 512,
    arenaLowerBoundBytes: 512,
    tensors: [],
    inputs: [],
    outputs: [],
  };
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
  const peak = await candidate("peak", peakProgram(), "peak");
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
  const [bare, ...measured] = measure([peak, ...rows.map((row) => row.candidate)]);
  const peakRate = (peakTrips * 64) / bare!.quietUs / 1000;
  console.log(`peak: ${peakRate.toFixed(1)} MAC/ns (bare dot loop, this machine, quiet value)\n`);
  console.log("layer                          tile        MACs      µs     MAC/ns   of peak");
  rows.forEach(({ layer, name }, i) => {
    const { quietUs } = measured[i]!;
    const rate = layer.macs / quietUs / 1000;
    console.log(
      `${layer.name.padEnd(30)} ${name.padEnd(9)} ${String(layer.macs).padStart(8)} ${quietUs.toFixed(1).padStart(7)} ${rate.toFixed(1).padStart(9)} ${percent(rate / peakRate).padStart(8)}`,
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
