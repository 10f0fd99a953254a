/**
 * `npm run study:onnx-runtime -- --as-they-came`: models that came quantized, run as they are by ONNX Runtime without optimizations, beside
 * our integers of each rounding profile and the outputs that the corpus has of TensorFlow Lite. A QDQ model means rounded reals;
 * whoever rounds twice computes something else.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toReal, toStored } from "../../src/driver/boundary.ts";
import { compile } from "../../src/driver/compile.ts";
import { createEngine } from "../../src/driver/engines.ts";
import { npyOnDisk } from "../../src/driver/node/files.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { argmax } from "../../src/driver/statistics.ts";
import { roundingProfiles } from "../../src/numerics/rounding-profile.ts";
import { parseNpy } from "../../src/tensor/npy.ts";
import { numbersOf, type Tensor } from "../../src/tensor/tensor.ts";
import { openSession } from "./session.ts";

const cases = [
  { model: "ic/ic_int8_qdq.onnx", data: "ic" },
  { model: "ic/ic_int8_qdq.onnx", data: "ic_jpeg" },
  { model: "kws/kws_int8_qdq.onnx", data: "kws" },
  { model: "vww/vww_int8_qdq.onnx", data: "vww" },
];

/** Classes by program, sample by sample. */
type Answers = Map<string, number[]>;

export async function studyAsTheyCame(root: string): Promise<void> {
  console.log("| model | samples | program | top-1, % | as TensorFlow Lite, % |\n|---|---|---|---|---|");
  for (const { model, data } of cases) {
    const file = join(root, "models", model);
    const folder = join(root, "datasets", data, "dev");
    const read = (name: string): Tensor => parseNpy(readFileSync(join(folder, name)), name);
    const labels = numbersOf(read("y.npy"));
    const { scale, zero_point: zero } = JSON.parse(
      readFileSync(join(root, "datasets", data, "meta.json"), "utf8"),
    ) as { scale: number; zero_point: number };
    const answers: Answers = new Map([["TensorFlow Lite", rowMaxima(read("ref_int8.npy"))]]);
    const bytes = readFileSync(file);
    const session = await openSession(bytes);
    const engines = [];
    for (const rounding of roundingProfiles) {
      const { graph } = await compile({ model: { file, bytes }, targets: [], rounding });
      engines.push({ rounding, graph, engine: await createEngine("wasm-simd", graph) });
    }
    const [{ graph }] = engines as [(typeof engines)[0]];
    const files = [npyOnDisk(join(folder, "x.npy"))];
    for (const sample of openSamples(files, graph.inputs, { mapping: { scale, zero } }).batches()) {
      note(answers, "ONNX Runtime", (await session.run(sample))[0]!);
      for (const { rounding, graph, engine } of engines) {
        const [output] = engine.run(sample.map((real, i) => toStored(real, graph.inputs[i]!.type)));
        note(answers, `quern, ${rounding}`, toReal(output!, graph.outputs[0]!.type));
      }
    }
    engines.forEach(({ engine }) => {
      engine.dispose();
    });
    await session.dispose();
    const [, reference] = [...answers][0]!;
    for (const [program, classes] of answers)
      console.log(
        `| ${model} on ${data} | ${classes.length} | ${program} | ${share(classes, labels)} | ${share(classes, reference)} |`,
      );
  }
}

function note(answers: Answers, program: string, output: Tensor): void {
  answers.set(program, [...(answers.get(program) ?? []), argmax(output)]);
}

function rowMaxima({ element, shape, data }: Tensor): number[] {
  const [rows, columns] = [shape[0]!, data.length / shape[0]!];
  const numbers = numbersOf({ element, shape, data });
  return Array.from({ length: rows }, (_, n) => {
    const row = Array.from(numbers.slice(n * columns, (n + 1) * columns));
    return row.indexOf(Math.max(...row));
  });
}

const share = (found: readonly number[], wanted: ArrayLike<number>): string =>
  ((100 * found.filter((answer, n) => answer === wanted[n]).length) / found.length).toFixed(2);
