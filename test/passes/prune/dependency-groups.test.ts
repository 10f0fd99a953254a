/** What belongs together, against what DepGraph's layer rules say (algorithms.md 11.4). */
import { expect, test } from "vitest";
import { dependencyGroups } from "../../../passes/prune/dependency-groups.ts";
import { couplingsOf } from "../../../passes/prune/couplings.ts";
import { tensorReferences } from "../../../src/exec/express-operation.ts";
import { parseGraph } from "../../../src/text/parse.ts";

const parse = (text: string) => parseGraph(text, { file: "net.qir" });

/** Each group as "value/axis: entries of its channels" a line, in the order of the graph. */
const described = (text: string): string[][] =>
  dependencyGroups(parse(text)).map(({ channels }) => {
    const [first] = channels;
    return first!.slices.map(
      ({ value, axis }, s) =>
        `${value.name}/${axis}: ${channels.map(({ slices }) => slices[s]!.entries.join("+")).join(" ")}`,
    );
  });

const splat = (name: string, shape: string): string =>
  `  %${name} = constant {value = dense<splat 1>} : tensor<${shape}xf32>`;

test("outputs of a layer, its bias, and the inputs of the next", () => {
  const text = `graph @f(%x: tensor<1x2xf32>) {
${splat("w", "3x2")}
${splat("b", "3")}
  %h = linear %x, %w, %b : tensor<1x3xf32>
  %r = relu %h : tensor<1x3xf32>
${splat("v", "2x3")}
  %y = linear %r, %v : tensor<1x2xf32> loc "second"
  return %y
}`;
  expect(described(text)).toEqual([["h/1: 0 1 2", "b/0: 0 1 2", "w/0: 0 1 2", "r/1: 0 1 2", "v/1: 0 1 2"]]);
  const [group] = dependencyGroups(parse(text));
  const axes = (list: readonly { value: { name: string }; axis: number }[]): string[] =>
    list.map(({ value, axis }) => `${value.name}/${axis}`).toSorted();
  expect(group!.name).toBe("h");
  expect(axes(group!.producers)).toEqual(["b/0", "w/0"]);
  expect(axes(group!.consumers)).toEqual(["v/1"]);
  expect(axes(group!.activations)).toEqual(["h/1", "r/1"]);
});

test("a residual sum and a depthwise convolution are one group", () => {
  const [group, ...others] = described(`graph @f(%x: tensor<1x4x4x1xf32>) {
${splat("w0", "3x1x1x1")}
  %h0 = conv2d %x, %w0 : tensor<1x4x4x3xf32>
${splat("w1", "3x3x3x1")}
  %h1 = conv2d %h0, %w1 {pads = [1, 1, 1, 1], groups = 3} : tensor<1x4x4x3xf32>
  %s = add %h0, %h1 : tensor<1x4x4x3xf32>
${splat("w2", "2x1x1x3")}
  %y = conv2d %s, %w2 : tensor<1x4x4x2xf32>
  return %y
}`);
  expect(others).toEqual([]);
  expect(group!.toSorted()).toEqual([
    "h0/3: 0 1 2",
    "h1/3: 0 1 2",
    "s/3: 0 1 2",
    "w0/0: 0 1 2",
    "w1/0: 0 1 2",
    "w2/3: 0 1 2",
  ]);
});

test("a concatenation shifts the channels of its second part", () => {
  const groups = described(`graph @f(%x: tensor<1x2xf32>) {
${splat("w0", "2x2")}
  %h0 = linear %x, %w0 : tensor<1x2xf32>
${splat("w1", "3x2")}
  %h1 = linear %x, %w1 : tensor<1x3xf32>
  %c = concat %h0, %h1 {axis = 1} : tensor<1x5xf32>
${splat("v", "2x5")}
  %y = linear %c, %v : tensor<1x2xf32>
  return %y
}`);
  expect(groups.map((group) => group.toSorted())).toEqual([
    ["c/1: 0 1", "h0/1: 0 1", "v/1: 0 1", "w0/0: 0 1"],
    ["c/1: 2 3 4", "h1/1: 0 1 2", "v/1: 2 3 4", "w1/0: 0 1 2"],
  ]);
});

test("flattening expands a channel to its pixels, in either layout", () => {
  const flattened = (flat: string): string[] =>
    described(`graph @f(%x: tensor<1x1x3x1xf32>) {
${splat("w", "2x1x1x1")}
  %h = conv2d %x, %w : tensor<1x1x3x2xf32>
${flat}
${splat("v", "2x6")}
  %y = linear %flat, %v : tensor<1x2xf32>
  return %y
}`)[0]!.toSorted();
  expect(flattened("  %flat = reshape %h {shape = [1, 6]} : tensor<1x6xf32>")).toEqual([
    "flat/1: 0+2+4 1+3+5",
    "h/3: 0 1",
    "v/1: 0+2+4 1+3+5",
    "w/0: 0 1",
  ]);
  expect(
    flattened(`  %t = transpose %h {permutation = [0, 3, 1, 2]} : tensor<1x2x1x3xf32>
  %flat = reshape %t {shape = [1, 6]} : tensor<1x6xf32>`),
  ).toEqual(["flat/1: 0+1+2 3+4+5", "h/3: 0 1", "t/1: 0 1", "v/1: 0+1+2 3+4+5", "w/0: 0 1"]);
});

test("a grouped convolution is pruned by slices of all its groups, a shuffle permutes them", () => {
  const groups = described(`graph @f(%x: tensor<1x1x1x1xf32>) {
${splat("w0", "6x1x1x1")}
  %h0 = conv2d %x, %w0 : tensor<1x1x1x6xf32>
${splat("w1", "4x1x1x3")}
  %h1 = conv2d %h0, %w1 {groups = 2} : tensor<1x1x1x4xf32>
  %a = reshape %h1 {shape = [1, 1, 1, 2, 2]} : tensor<1x1x1x2x2xf32>
  %t = transpose %a {permutation = [0, 1, 2, 4, 3]} : tensor<1x1x1x2x2xf32>
  %s = reshape %t {shape = [1, 1, 1, 4]} : tensor<1x1x1x4xf32>
${splat("w2", "2x1x1x4")}
  %y = conv2d %s, %w2 : tensor<1x1x1x2xf32>
  return %y
}`);
  expect(groups.map((group) => group.toSorted())[0]).toEqual([
    "h0/3: 0+3 1+4 2+5",
    "w0/0: 0+3 1+4 2+5",
    "w1/3: 0 1 2",
  ]);
  // The outputs of the grouped convolution fall into slices of two, which the shuffle makes neighbours.
  expect(groups.map((group) => group.toSorted())[1]).toEqual(
    expect.arrayContaining(["h1/3: 0+2 1+3", "s/3: 0+1 2+3", "w1/0: 0+2 1+3", "w2/3: 0+1 2+3"]),
  );
  expect(groups).toHaveLength(2);
});

test.each([
  ["an input", "%y = linear %x, %v : tensor<1x2xf32>", "%y"],
  ["an output", "%h = linear %x, %v : tensor<1x2xf32>\n  %y = linear %h, %v : tensor<1x2xf32>", "%h, %y"],
  [
    "what a softmax sums over",
    "%h = linear %x, %v : tensor<1x2xf32>\n  %s = softmax %h {axis = 1} : tensor<1x2xf32>\n  %y = linear %s, %v : tensor<1x2xf32>",
    "%y",
  ],
  [
    "a product of computed tensors",
    "%h = linear %x, %v : tensor<1x2xf32>\n  %t = transpose %h {permutation = [1, 0]} : tensor<2x1xf32>\n  %y = matmul %h, %t : tensor<1x1xf32>",
    "%y",
  ],
])("%s is frozen", (_, body, outputs) => {
  const text = `graph @f(%x: tensor<1x2xf32>) {\n${splat("v", "2x2")}\n  ${body}\n  return ${outputs}\n}`;
  expect(described(text)).toEqual([]);
});

test("windows freeze rows and columns, not channels", () => {
  const graph = parse(`graph @f(%x: tensor<1x4x4x2xf32>) {
${splat("w", "3x3x3x2")}
  %y = conv2d %x, %w {pads = [1, 1, 1, 1]} : tensor<1x4x4x3xf32>
  return %y
}`);
  const { couplings, sharedAxes, frozenAxes } = couplingsOf(graph.operations.at(-1)!, tensorReferences());
  expect(frozenAxes.map(({ tensor, axis }) => `${tensor.name}/${axis}`)).toEqual(["x/1", "x/2"]);
  expect(sharedAxes).toEqual([]);
  const found = couplings.map(({ extent, frozen, contracted, places }) => ({
    extent,
    frozen,
    contracted,
    places: places.map(({ tensor, axis }) => `${tensor.name}/${axis}`).toSorted(),
  }));
  expect(found).toContainEqual({ extent: 3, frozen: false, contracted: false, places: ["w/0", "y/3"] });
  expect(found).toContainEqual({ extent: 2, frozen: false, contracted: true, places: ["w/3", "x/3"] });
  expect(
    found
      .filter(({ places }) => places.some((place) => /[wy]\/[12]/.test(place)))
      .every(({ frozen }) => frozen),
  ).toBe(true);
});
