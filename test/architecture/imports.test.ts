/**
 * Which part of the compiler may know which other: the arrows of docs/architecture.md. `import type` counts like any import,
 * for what a file knows about is what a reader has to know.
 */
import { describe, expect, test } from "vitest";
import ts from "typescript";
import { importsOf, parseSource, sourceFiles, visitNodes, type SourceFile } from "./source-files.ts";

/** A folder of src → the folders of src it may import, besides itself. Lower ones come first. */
const arrowsInsideSrc: Readonly<Record<string, readonly string[]>> = {
  diagnostics: [],
  tensor: ["diagnostics"],
  numerics: ["tensor", "diagnostics"],
  expr: ["numerics", "tensor", "diagnostics"],
  loops: ["expr", "numerics", "tensor", "diagnostics"],
  ir: ["expr", "numerics", "tensor", "diagnostics"],
  ops: ["ir", "expr", "numerics", "tensor", "diagnostics"],
  text: ["ops", "ir", "expr", "numerics", "tensor", "diagnostics"],
  frontends: ["ops", "ir", "expr", "numerics", "tensor", "diagnostics"],
  exec: ["ops", "ir", "loops", "expr", "numerics", "tensor", "diagnostics"],
  pass: ["exec", "ir", "expr", "numerics", "tensor", "diagnostics"],
  measure: ["pass", "exec", "ops", "ir", "expr", "numerics", "tensor", "diagnostics"],
};

/** What a back end that prints loops may know: no graph, no operator, no expression. */
const loopBackEnd = ["loops", "exec", "numerics", "tensor", "diagnostics"];
const arrowsOfBackEnds: Readonly<Record<string, readonly string[]>> = {
  c: loopBackEnd,
  wasm: loopBackEnd,
  // An exporter prints graphs, so it has to name operators.
  onnx: ["ops", "ir", "numerics", "tensor", "diagnostics"],
};

/** Lowering is the same for every operator, so its passes cannot import one. */
const passesWithoutOperators = ["lower", "schedule", "memory"];

/** Modules that one place wraps for all. */
const modules: readonly { readonly name: RegExp; readonly only: readonly string[] }[] = [
  { name: /^node:/, only: ["src/driver/node/"] },
  { name: /^binaryen$/, only: ["backends/wasm/"] },
  { name: /^ml-matrix$/, only: ["src/numerics/"] },
  { name: /^ohm-js$/, only: ["src/text/"] },
  { name: /^onnx-proto(\/|$)/, only: ["src/frontends/onnx/", "backends/onnx/"] },
  { name: /^protobufjs(\/|$)/, only: [] }, // onnx-proto may have a copy of its own: see exact-reader.ts
  { name: /^fflate$/, only: ["src/tensor/"] },
  { name: /^d3-(scale|shape)$/, only: ["src/driver/report-page/"] },
  { name: /^(commander|unplugin|virtual:quern\/.*)$/, only: ["src/driver/node/"] },
];

const files = sourceFiles("src", "passes", "backends");
const passFiles = new Set(files.filter(definesPass).map(({ path }) => path));

/** Why one file must not import another, or undefined. */
function flawOfArrow(from: string, to: string): string | undefined {
  const [root, folder = "", ...rest] = from.split("/");
  const [toRoot, toFolder = ""] = to.split("/");
  if (to.startsWith("src/driver/") && !from.startsWith("src/driver/"))
    return "only the driver sees the driver";
  if (to.startsWith("src/driver/node/") && !from.startsWith("src/driver/node/"))
    return "the core driver runs in browsers";
  if (root === "src") {
    if (folder === "driver" || (toRoot === "src" && folder === toFolder)) return undefined;
    if (toRoot !== "src") return `src/${folder} may not import ${toRoot ?? ""}`;
    const allowed = arrowsInsideSrc[folder];
    if (allowed === undefined) return `src/${folder} has no place in this test's table`;
    return allowed.includes(toFolder) ? undefined : `src/${folder} may import ${allowed.join(", ")}`;
  }
  if (root === "passes") {
    if (toRoot === "backends") return "passes and back ends do not know each other";
    if (rest.length === 0) return undefined; // the lists
    if (toRoot === "passes" && toFolder !== folder)
      return "passes of different folders do not know each other";
    if (passFiles.has(to)) return "a pass does not call a pass: the pipeline does";
    if (to.startsWith("src/ops/") && passesWithoutOperators.includes(folder))
      return "lowering knows no operator";
    return undefined;
  }
  if (toRoot === "passes") return "passes and back ends do not know each other";
  if (toRoot === "backends") return toFolder === folder ? undefined : "back ends do not know each other";
  const allowed = arrowsOfBackEnds[folder];
  if (allowed === undefined) return `backends/${folder} has no place in this test's table`;
  return allowed.includes(toFolder) ? undefined : `backends/${folder} may import ${allowed.join(", ")}`;
}

function flawOfModule(from: string, module: string): string | undefined {
  const rule = modules.find(({ name }) => name.test(module));
  if (rule === undefined) return `${module} has no place in this test's table`;
  return rule.only.some((folder) => from.startsWith(folder)) ? undefined : `only ${rule.only.join(", ")} may`;
}

const flawsOf = (file: SourceFile): string[] =>
  importsOf(file).flatMap(({ to, external }) => {
    const flaw = external ? flawOfModule(file.path, to) : flawOfArrow(file.path, to);
    return flaw === undefined ? [] : [`${file.path} imports ${to}: ${flaw}`];
  });

function definesPass({ syntax }: SourceFile): boolean {
  let found = false;
  visitNodes(syntax, (node) => {
    found ||= ts.isCallExpression(node) && node.expression.getText(syntax) === "definePass";
  });
  return found;
}

/** A cycle of imports as a path that ends where it begins, or undefined. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const search = (file: string): string[] | undefined => {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const cycle = search(next);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = search(file);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

describe("imports", () => {
  test("point one way", () => {
    expect(files.flatMap(flawsOf).join("\n")).toBe("");
  });

  test("name files that exist", () => {
    const known = new Set(files.map(({ path }) => path));
    const missing = files.flatMap((file) =>
      importsOf(file)
        .filter(({ to, external }) => !external && !known.has(to))
        .map(({ to }) => `${file.path} imports ${to}`),
    );
    expect(missing.join("\n")).toBe("");
  });

  test("have no cycle, types included", () => {
    const graph = new Map(
      files.map((file) => [
        file.path,
        importsOf(file)
          .filter((i) => !i.external)
          .map(({ to }) => to),
      ]),
    );
    expect(findCycle(graph)?.join(" → ")).toBe(undefined);
  });
});

describe("the test itself", () => {
  const flaws = (path: string, text: string): string[] => flawsOf(parseSource(path, text));

  test.each([
    ["src/expr/x.ts", `import type { Graph } from "../ir/graph.ts";`],
    ["src/ops/x.ts", `export { passes } from "../../passes/index.ts";`],
    ["src/driver/x.ts", `import { main } from "./node/cli.ts";`],
    ["src/driver/x.ts", `import { readFileSync } from "node:fs";`],
    ["src/exec/x.ts", `const b = await import("binaryen");`],
    ["src/exec/x.ts", `type B = import("../driver/index.ts").Bundle;`],
    ["passes/fuse/x.ts", `import { emitC } from "../../backends/c/emit.ts";`],
    ["passes/fuse/x.ts", `import { planOf } from "../quantize/plan.ts";`],
    ["passes/fuse/x.ts", `import { fuseLinear } from "./fuse-linear.ts";`],
    ["passes/schedule/x.ts", `import { conv2d } from "../../src/ops/conv2d.ts";`],
    ["backends/c/x.ts", `import { wasmSimd } from "../wasm/targets.ts";`],
    ["backends/c/x.ts", `import type { Graph } from "../../src/ir/graph.ts";`],
    ["src/text/x.ts", `import left from "left-pad";`],
    ["backends/onnx/x.ts", `import type { Loop } from "../../src/loops/loop.ts";`],
  ])("%s: %s is refused", (path, text) => {
    expect(flaws(path, text)).toHaveLength(1);
  });

  test.each([
    ["src/driver/x.ts", `import { emitC } from "../../backends/c/emit.ts";`],
    [
      "passes/fuse/x.ts",
      `import { relu } from "../../src/ops/relu.ts"; import { layerOf } from "./layer.ts";`,
    ],
    ["backends/wasm/x.ts", `const b = await import("binaryen");`],
    ["backends/onnx/x.ts", `import proto from "onnx-proto"; import { relu } from "../../src/ops/relu.ts";`],
    ["src/driver/node/x.ts", `import { readFileSync } from "node:fs"; // import "binaryen"`],
  ])("%s: %s is allowed", (path, text) => {
    expect(flaws(path, text)).toEqual([]);
  });

  test("finds a cycle", () => {
    const graph = new Map([
      ["a", ["b"]],
      ["b", ["c", "d"]],
      ["c", []],
      ["d", ["b"]],
    ]);
    expect(findCycle(graph)).toEqual(["b", "d", "b"]);
  });
});
