/** What layers of a residual network should bring about. */
import { describe, expect, test } from "vitest";
import { aimOf, boundsAfter, wantedResult } from "../../src/measure/layer-aims.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";

const net = (body: string, last: string): Graph =>
  parseGraph(
    `graph @net(%x: tensor<1x2xf32>) {
      %w = constant {value = dense<[[1.0, 0.0], [0.0, 1.0]]>} : tensor<2x2xf32>
      %c0 = constant {value = dense<[[1.0, 2.0]]>} : tensor<1x2xf32>
      %c1 = tanh %c0 : tensor<1x2xf32>
      %early = add %c0, %c1 : tensor<1x2xf32>
      %l = linear %x, %w : tensor<1x2xf32>
      ${body}
      return %${last}
    }`,
    { file: "net.qir" },
  );
const valueOf = (graph: Graph, name: string): Value => graph.values.find((value) => value.name === name)!;
const aim = (graph: Graph, layer: string): ReturnType<typeof aimOf> =>
  aimOf(graph, valueOf(graph, layer).producer!);

describe("aims", () => {
  test("the sum with what is computed before, behind its clamp", () => {
    const graph = net("%s = add %l, %x : tensor<1x2xf32>\n%r = relu %s : tensor<1x2xf32>", "r");
    expect(aim(graph, "l")).toEqual({
      target: valueOf(graph, "s"),
      shortcut: valueOf(graph, "x"),
      bounds: { low: 0, high: Infinity },
    });
  });

  test("of two layers that are added the later one", () => {
    const graph = net("%m = linear %x, %w : tensor<1x2xf32>\n%s = add %m, %l : tensor<1x2xf32>", "s");
    expect(aim(graph, "l")).toEqual({
      target: valueOf(graph, "l"),
      bounds: { low: -Infinity, high: Infinity },
    });
    expect(aim(graph, "m")).toMatchObject({ target: valueOf(graph, "s"), shortcut: valueOf(graph, "l") });
  });

  test.each([
    ["another operation", "%s = mul %l, %x : tensor<1x2xf32>", "s"],
    ["a sum with itself", "%s = add %l, %l : tensor<1x2xf32>", "s"],
    [
      "a sum with a constant",
      "%c = constant {value = dense<[[1.0, 2.0]]>} : tensor<1x2xf32>\n%s = add %l, %c : tensor<1x2xf32>",
      "s",
    ],
    ["a sum with what constants make", "%s = add %l, %early : tensor<1x2xf32>", "s"],
    [
      "a sum with a row for all",
      "%e = constant {value = dense<[[[1.0, 2.0]], [[3.0, 4.0]]]>} : tensor<2x1x2xf32>\n%n = relu %e : tensor<2x1x2xf32>\n%s = add %n, %l : tensor<2x1x2xf32>",
      "s",
    ],
    [
      "a result that others read too",
      "%q = relu %l : tensor<1x2xf32>\n%t = add %l, %x : tensor<1x2xf32>\n%s = add %t, %q : tensor<1x2xf32>",
      "s",
    ],
  ])("the result itself before %s", (_, body, last) => {
    const graph = net(body, last);
    expect(aim(graph, "l")).toEqual({
      target: valueOf(graph, "l"),
      bounds: { low: -Infinity, high: Infinity },
    });
  });

  test("an output is an aim of its own", () => {
    const graph = parseGraph(
      `graph @net(%x: tensor<1x2xf32>) {
        %w = constant {value = dense<[[1.0, 0.0], [0.0, 1.0]]>} : tensor<2x2xf32>
        %l = linear %x, %w : tensor<1x2xf32>
        %s = add %l, %x : tensor<1x2xf32>
        return %l, %s
      }`,
      { file: "net.qir" },
    );
    expect(aim(graph, "l").target).toBe(valueOf(graph, "l"));
  });

  test("bounds of several clamps, and none where something else reads the value", () => {
    const both = net(
      "%r = relu %l : tensor<1x2xf32>\n%c = clip %r {min = -1.0, max = 3.0} : tensor<1x2xf32>",
      "c",
    );
    expect(boundsAfter(both, valueOf(both, "l"))).toEqual({ low: 0, high: 3 });
    const read = net("%r = relu %l : tensor<1x2xf32>\n%s = add %r, %l : tensor<1x2xf32>", "s");
    expect(boundsAfter(read, valueOf(read, "l"))).toEqual({ low: -Infinity, high: Infinity });
  });
});

test("what a layer is to give by itself", () => {
  const row = (...numbers: number[]) => tensor("f64", [numbers.length], numbers);
  //                cut below, still cut | cut below, has to give way | inside | at 0 | cut above, still cut | has to give way
  const result = row(-5, -5, 1, -2, 9, 5);
  const target = row(-4, -4, 3, 0, 11, 7);
  const shortcut = row(1.5, 7, 2.5, 2.25, 1, -3);
  const wanted = (low: number, high: number): number[] =>
    Array.from(numbersOf(wantedResult({ result, sum: { target, shortcut } }, { low, high })));
  expect(wanted(0, 6)).toEqual([-5, -7, 0.5, -2.25, 9, 9]);
  expect(wanted(-Infinity, Infinity)).toEqual([-5.5, -11, 0.5, -2.25, 10, 10]);
  expect(wantedResult({ result }, { low: 0, high: 6 })).toBe(result);
});
