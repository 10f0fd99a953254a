/** Sixteen bits by name, from calibration to integers: ranges that clip nothing, types, warnings, what is refused. */
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { createInterpreter, interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { runPipeline, type PassRecord } from "../../src/pass/manager.ts";
import { createContext, type PassContext } from "../../src/pass/pass.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

const net = (): Graph =>
  parseGraph(
    `graph @net(%x: tensor<1x2xf32>) {
  %w = constant {value = dense<[[1.984375, 1], [1.984375, -1.984375]]>} : tensor<2x2xf32>
  %a = linear %x, %w : tensor<1x2xf32>
  %r = relu %a : tensor<1x2xf32>
  %y = linear %r, %w : tensor<1x2xf32>
  return %y
}`,
    { file: "net.qir" },
  );
const data = tensor(
  "f32",
  [10, 1, 2],
  Float32Array.from({ length: 20 }, (_, i) => Math.sin(i)),
);
const samples = samplesFromArrays([data], [[1, 2]]);

const run = async (graph: Graph, pipeline: string, parts: Partial<PassContext> = {}): Promise<PassRecord[]> =>
  runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    createContext({ executor: interpreterFactory, samples, ...parts }),
  );
const valueOf = (graph: Graph, name: string) => graph.values.find((value) => value.name === name)!;
const integers = "insert-fake-quantization, requantize, check-integer-only, bound-accumulators";

describe("values of 16 bits", () => {
  test("get all that was seen and an eighth more, whatever the method, and the finest scale that holds it", async () => {
    const graph = net();
    await run(graph, "widen-values{values=r}, calibrate{method=percentile, percentile=80}");
    let most = 0;
    const interpreter = createInterpreter(net());
    for (let i = 0; i < 10; i++)
      interpreter.run([tensor("f32", [1, 2], data.data.slice(2 * i, 2 * i + 2))], (name, seen) => {
        if (name === "r") most = Math.max(most, ...numbersOf(seen));
      });
    expect(valueOf(graph, "r").range).toEqual({ min: 0, max: 1.125 * most });
    await run(graph, integers);
    expect(valueOf(graph, "r").type).toMatchObject({
      element: "i16",
      quantization: { scale: [Math.fround((1.125 * most) / 32767)], zero: [0] },
    });
    expect(valueOf(graph, "y").type.element).toBe("i8");
  });

  test("are 256 times as fine: the answer comes closer", async () => {
    const error = async (pipeline: string): Promise<number> => {
      const graph = net();
      await run(graph, `${pipeline}calibrate{method=minmax}, ${integers}`);
      const [input, output] = [graph.inputs[0]!, graph.outputs[0]!];
      const [real, stored] = [createInterpreter(net()), createInterpreter(graph)];
      const [scale, zero] = [input.type.quantization!.scale[0]!, input.type.quantization!.zero[0]!];
      const [outScale, outZero] = [output.type.quantization!.scale[0]!, output.type.quantization!.zero[0]!];
      let total = 0;
      for (let i = 0; i < 20; i += 2) {
        const q = [0, 1].map((k) => Math.round((data.data[i + k]! as number) / scale) + zero);
        const found = numbersOf(stored.run([tensor("i8", [1, 2], q)])[0]!);
        const reals = q.map((each) => scale * (each - zero));
        const wanted = numbersOf(real.run([tensor("f32", [1, 2], reals)])[0]!);
        wanted.forEach((x: number, k: number) => (total += (x - outScale * (found[k]! - outZero)) ** 2));
      }
      return total;
    };
    // Weights are exact here: all of the error is the values'.
    expect(await error("widen-values{values=all}, ")).toBeLessThan((await error("")) / 10_000);
  });

  test("no bits are lost: findings say how many decibels sixteen hold", async () => {
    const records = await run(net(), 'widen-values{values="r"}, calibrate{method=minmax}');
    const [found] = records[1]!.findings.filter(({ value }) => value === "r");
    const [other] = records[1]!.findings.filter(({ value }) => value === "x");
    expect(found!["sqnrDb"]).toBeGreaterThan(80);
    expect(other!["sqnrDb"]).toBeLessThan(60);
  });

  test("a name that is none gets the nearest that there is", async () => {
    await expect(run(net(), 'widen-values{values="rr, output"}')).rejects.toMatchObject({
      diagnostics: [
        {
          code: "wide-value",
          message: "16 bits are asked for %rr, which is no value of the network",
          help: "did you mean '%r'?",
        },
        { help: "values that are stored: x, r, y" },
      ],
    });
  });

  test("leaving out of nothing is no wish", async () => {
    await expect(run(net(), 'widen-values{values="r, -y"}')).rejects.toMatchObject({
      diagnostics: [
        {
          code: "option",
          message: "values leaves out %y, which has eight bits in any case",
          help: 'write values="all, -y" for all but that one',
        },
      ],
    });
    await expect(run(net(), 'widen-values{values="none, r"}')).rejects.toMatchObject({
      diagnostics: [{ code: "option", help: "give none alone, or leave it out" }],
    });
  });

  test("an input whose samples are integers keeps them", async () => {
    const inputQuantization = new Map([["x", { element: "i8" as const, scale: 0.01, zero: 3 }]]);
    await expect(run(net(), "widen-values{values=x}", { inputQuantization })).rejects.toMatchObject({
      diagnostics: [
        {
          message: "%x cannot be stored in 16 bits: its samples are integers of a quantization of their own",
        },
      ],
    });
  });

  test("a sum that leaves 32 bits: named it is an error with a cure, of all the value keeps eight", async () => {
    const deep = (): Graph =>
      parseGraph(`graph @net(%x: tensor<1x600xf32>) {
  %h = tanh %x : tensor<1x600xf32> loc "hidden"
  %w = constant {value = dense<splat 1>} : tensor<1x600xf32>
  %y = linear %h, %w : tensor<1x1xf32> loc "answer"
  return %y
}`);
    const many = samplesFromArrays(
      [
        tensor(
          "f32",
          [6, 1, 600],
          Float32Array.from({ length: 3600 }, (_, i) => Math.cos(i)),
        ),
      ],
      [[1, 600]],
    );
    const widened = (values: string): Promise<PassRecord[]> =>
      run(deep(), `widen-values{values="${values}"}, calibrate{method=minmax}, ${integers}`, {
        samples: many,
      });
    await expect(widened("h")).rejects.toMatchObject({
      diagnostics: [
        {
          code: "overflow",
          subject: "answer",
          help: "leave %h in eight bits (with --wide all: all,-h), or use fewer bits for its weights",
        },
      ],
    });
    expect((await widened("all"))[0]!.findings).toEqual([
      { value: "h", bits: 8, why: "32 bits might not hold the sums of 'linear' %y" },
      { value: "y", bits: 16 },
    ]);
    expect((await widened("all, -h"))[0]!.findings).toEqual([{ value: "y", bits: 16 }]);
  });

  test("a branch of nothing but zeros fits beside a small shortcut", async () => {
    const graph = parseGraph(`graph @net(%x: tensor<1x2xf32>) {
  %w = constant {value = dense<[[0.00005, 0], [0, 0.00005]]>} : tensor<2x2xf32>
  %z = constant {value = dense<[[0, 0], [0, 0]]>} : tensor<2x2xf32>
  %a = linear %x, %w : tensor<1x2xf32>
  %s = relu %a : tensor<1x2xf32>
  %b = linear %x, %z : tensor<1x2xf32>
  %y = add %s, %b : tensor<1x2xf32>
  return %y
}`);
    await run(graph, `widen-fused, calibrate{method=minmax}, ${integers}`);
    expect(valueOf(graph, "b").type).toMatchObject({ element: "i16", quantization: { scale: [2 ** -15] } });
    const sum = valueOf(graph, "y").producer!;
    expect(sum.attributes["shift"]).toBeGreaterThanOrEqual(8);
  });

  test("a bias beside weights of almost nothing still fits, whose scale is raised for it", async () => {
    const graph = parseGraph(`graph @net(%x: tensor<1x2xf32>) {
  %w = constant {value = dense<[[0.000000001, 0], [3, -4]]>} : tensor<2x2xf32>
  %b = constant {value = dense<[5, -5]>} : tensor<2xf32>
  %y = linear %x, %w, %b : tensor<1x2xf32>
  return %y
}`);
    await run(graph, `widen-values{values="x, y"}, calibrate{method=minmax}, ${integers}`);
    const bias = graph.values.find(({ type }) => type.element === "i32" && type.shape.length === 1)!;
    const stored = numbersOf(constantOf(bias)!);
    expect(Math.abs(stored[0]!)).toBeLessThan(2 ** 30);
    expect(Math.abs(stored[0]!)).toBeGreaterThan(2 ** 29);
  });

  test.each(["i8, 0.05", "i16, 0.0005"])(
    "a normalization of %s is proved, its clamp being what is known",
    async (type) => {
      const graph = parseGraph(`graph @net(%x: tensor<3x5x${type}:0>) {
  %w = constant {value = dense<splat 127>} : tensor<5xi8, 0.0625:0>
  %y = layer_norm %x, %w {axes = [-1]} : tensor<3x5xi32, 2.98023223876953125e-8:0>
  return %y
}`);
      const warnings: Diagnostic[] = [];
      const [record] = await run(graph, "bound-accumulators", { warn: (warning) => warnings.push(warning) });
      expect(warnings).toEqual([]);
      // 127 · ⌈√5 · 2^21 + 1⌉
      expect(record!.findings).toMatchObject([
        { value: "y", high: 127 * (Math.ceil(Math.sqrt(5) * 2 ** 21) + 1) },
      ]);
    },
  );

  test("functions that jump between two knots are warned of, smooth ones are not", async () => {
    const graphOf = (name: string): Graph =>
      parseGraph(`graph @f(%x: tensor<2xi16, 0.0009765625:0>) {
  %d = dequantize %x : tensor<2xf32>
  %f = ${name} %d : tensor<2xf32>
  %y = quantize %f : tensor<2xi16, 0.0009765625:0>
  %z = dequantize %y : tensor<2xf32>
  return %z
}`);
    const warned = async (name: string): Promise<string[]> => {
      const warnings: Diagnostic[] = [];
      await run(graphOf(name), "requantize", { warn: (warning) => warnings.push(warning) });
      return warnings.map(({ code, message }) => `${code}: ${message}`);
    };
    // A whole number is 1024 steps; between the knots around it the line is off by 63 / 64 of that at most.
    expect(await warned("floor")).toEqual([
      "coarse-table: lines between 1025 places leave what gives %y by up to 1008 steps of i16",
    ]);
    expect(await warned("tanh")).toEqual([]);
    expect(await warned("abs")).toEqual([]);
  });
});
