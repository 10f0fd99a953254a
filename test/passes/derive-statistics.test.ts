/** Statistics without samples, held against the same networks run on samples that are what the rules take them for. */
import { describe, expect, test } from "vitest";
import { deriveStatistics } from "../../passes/quantize/derive-statistics.ts";
import { createInterpreter } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { ChannelStatistics } from "../../src/pass/pass.ts";
import { elementCount, numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { normalNumbers } from "../numerics/normal.ts";

/** `relu %n` and so on, %n being what a normalization gave: a result with statistics, here an input behind a move. */
const net = (shape: string, body: string): Graph =>
  parseGraph(
    `graph @net(%x: tensor<${shape}xf32>) {
  %n = reshape %x {shape = [${shape.replaceAll("x", ", ")}]} : tensor<${shape}xf32>
${body}
}`,
    { file: "net.qir" },
  );
const channels: ChannelStatistics = { axis: 1, mean: [0.5, -1, 2], deviation: [1, 2, 0.25] };

const derive = (graph: Graph, statistics: ChannelStatistics) => {
  const found = deriveStatistics(graph, { normalized: new Map([["n", statistics]]) });
  return new Map([...found].map(([{ name }, each]) => [name, each]));
};

/** Of every element of the named value, elements of %n being independent. */
function measure(graph: Graph, name: string, { axis, mean, deviation }: ChannelStatistics, count: number) {
  const { shape } = graph.inputs[0]!.type;
  const stride = elementCount(shape.slice(axis + 1));
  const channel = (i: number): number => Math.floor(i / stride) % shape[axis]!;
  const normal = normalNumbers(11);
  const executor = createInterpreter(graph);
  const [first, second]: [number[], number[]] = [[], []];
  for (let n = 0; n < count; n++) {
    const x = Float32Array.from(
      { length: elementCount(shape) },
      (_, i) => mean[channel(i)]! + deviation[channel(i)]! * normal(),
    );
    executor.run([tensor("f32", shape, x)], (value, values) => {
      if (value !== name) return;
      numbersOf(values).forEach((y: number, i: number) => {
        first[i] = (first[i] ?? 0) + y / count;
        second[i] = (second[i] ?? 0) + (y * y) / count;
      });
    });
  }
  return first.map((m, i) => ({ mean: m, deviation: Math.sqrt(Math.max(0, second[i]! - m * m)) }));
}

const count = 20_000;
/** Five standard errors of a mean; a deviation's, for tails a little heavier than a Gaussian's, are taken as the same. */
const within = (deviation: number): number => 5 * (deviation / Math.sqrt(count)) + 1e-6;

describe("deriveStatistics agrees with Monte Carlo", () => {
  const constant = (name: string, value: string, shape: string): string =>
    `  %${name} = constant {value = dense<${value}>} : tensor<${shape}xf32>\n`;
  const weights = constant("w", "[[1, -2, 3], [0.5, 0.25, -1]]", "2x3") + constant("b", "[1, -1]", "2");
  test.each([
    ["relu", "  %y = relu %n : tensor<1x3xf32>\n  return %y"],
    ["relu6", "  %y = clip %n {min = 0, max = 6} : tensor<1x3xf32>\n  return %y"],
    ["a table", "  %y = tanh %n : tensor<1x3xf32>\n  return %y"],
    ["a table with a kink", "  %y = hard_swish %n : tensor<1x3xf32>\n  return %y"],
    ["a layer", `${weights}  %y = linear %n, %w, %b : tensor<1x2xf32>\n  return %y`],
    [
      "a layer behind a relu",
      `${weights}  %r = relu %n : tensor<1x3xf32>\n  %y = linear %r, %w, %b : tensor<1x2xf32>\n  return %y`,
    ],
    [
      "a difference from a constant",
      `${constant("c", "[[1, 2, 3]]", "1x3")}  %y = sub %c, %n : tensor<1x3xf32>\n  return %y`,
    ],
    ["a value doubled", "  %y = add %n, %n : tensor<1x3xf32>\n  return %y"],
    [
      "a sum that broadcasts",
      `${constant("v", "[[1, -2, 3]]", "1x3")}  %s = linear %n, %v : tensor<1x1xf32>
  %c = constant {value = dense<[[1, 2, 3, 4]]>} : tensor<1x4xf32>
  %y = add %s, %c : tensor<1x4xf32>
  return %y`,
    ],
  ])("%s", (_, body) => {
    const graph = net("1x3", body);
    const { mean, deviation } = derive(graph, channels).get("y")!;
    measure(graph, "y", channels, count).forEach((found, i) => {
      expect(Math.abs(numbersOf(mean)[i]! - found.mean)).toBeLessThan(within(found.deviation));
      expect(Math.abs(numbersOf(deviation)[i]! - found.deviation)).toBeLessThan(within(found.deviation));
    });
  });

  test("the mean of a convolution, zero at the border", () => {
    const body = `  %w = constant {value = dense<[[[[1], [2], [3]]]]>} : tensor<1x1x3x1xf32>
  %y = conv2d %n, %w {pads = [0, 1, 0, 1]} : tensor<1x1x3x1xf32>
  return %y`;
    const graph = net("1x1x3x1", body);
    const statistics = { axis: 3, mean: [2], deviation: [1] };
    expect(Array.from(numbersOf(derive(graph, statistics).get("y")!.mean))).toEqual([10, 12, 6]);
  });
});

describe("places of one channel", () => {
  const convolution = (weights: string): Graph =>
    net(
      "1x1x4x2",
      `  %w = constant {value = dense<${weights}>} : tensor<1x1x2x2xf32>
  %y = conv2d %n, %w : tensor<1x1x3x1xf32>
  return %y`,
    );
  const two = { axis: 3, mean: [0, 0], deviation: [1, 2] };
  const deviation = (graph: Graph): number => numbersOf(derive(graph, two).get("y")!.deviation)[0]!;

  test("as one where weights have one sign, channels apart", () => {
    // Channel 0 reads 1 and 3, channel 1 reads 2 and 0: 4 · 1 and 2 · 2.
    expect(deviation(convolution("[[[[1, 2], [3, 0]]]]"))).toBeCloseTo(Math.sqrt(16 + 16), 6);
  });

  test("apart where weights cancel", () => {
    expect(deviation(convolution("[[[[1, 0], [-3, 0]]]]"))).toBeCloseTo(Math.sqrt(10), 6);
  });

  test("an average keeps the deviation of one", () => {
    const graph = net("1x1x4x2", "  %y = reduce_mean %n {axes = [1, 2]} : tensor<1x1x1x2xf32>\n  return %y");
    expect(Array.from(numbersOf(derive(graph, two).get("y")!.deviation))).toEqual([1, 2]);
  });

  test("channels of any axis move along", () => {
    const body = `  %y = transpose %n {permutation = [0, 3, 1, 2]} : tensor<1x2x1x4xf32>
  return %y`;
    const { mean } = derive(net("1x1x4x2", body), { ...two, mean: [5, 6] }).get("y")!;
    expect(Array.from(numbersOf(mean))).toEqual([5, 5, 5, 5, 6, 6, 6, 6]);
  });
});

describe("nothing is made up", () => {
  test.each([
    [
      "a maximum",
      "  %y = max_pool %n {kernel = [1, 2], strides = [1, 1]} : tensor<1x1x3x2xf32>\n  return %y",
    ],
    ["a product", "  %y = mul %n, %n : tensor<1x1x4x2xf32>\n  return %y"],
    ["a softmax", "  %y = softmax %n {axis = 3} : tensor<1x1x4x2xf32>\n  return %y"],
    ["what reads an input", "  %y = relu %x : tensor<1x1x4x2xf32>\n  return %y"],
  ])("of %s nothing is known", (_, body) => {
    const found = derive(net("1x1x4x2", body), { axis: 3, mean: [0, 0], deviation: [1, 2] });
    expect(found.has("n")).toBe(true);
    expect(found.has("y")).toBe(false);
  });

  test("statistics of channels that are gone are not taken for others'", () => {
    const graph = net("1x3", "  %y = relu %n : tensor<1x3xf32>\n  return %y");
    expect(derive(graph, { axis: 1, mean: [0, 1], deviation: [1, 1] }).size).toBe(0);
  });
});
