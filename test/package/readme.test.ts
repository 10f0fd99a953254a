/** What README.md shows is done, in an empty project with the package installed. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeNpy } from "../../src/tensor/npy.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { tfliteBytes } from "../frontends/tflite/models.ts";
import { installedProject, put, repository } from "./installed.ts";

const page = readFileSync(join(repository, "README.md"), "utf8");
const blocks = (language: string): string[] =>
  [...page.matchAll(/```(\w*)\n([\s\S]*?)```/g)].flatMap(([, found, text]) =>
    found === language ? [text!] : [],
  );

const [count, pixels] = [24, 28 * 28];
const numbers = Float32Array.from({ length: count * pixels }, (_, i) => ((i * 7919) % 256) / 255);

let project = "";
const at = (...path: string[]): string => join(project, ...path);
function run(command: string, ...args: string[]): string {
  const { VITEST: _, NODE_ENV: __, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, encoding: "utf8", env });
  expect(status, `${command} ${args.join(" ")}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

beforeAll(() => {
  project = installedProject("vite");
  copyFileSync(at("node_modules/quern/examples/digits/digits.onnx"), at("kws.onnx"));
  writeFileSync(at("x.npy"), writeNpy(tensor("f32", [count, 1, 28, 28], numbers)));
  writeFileSync(at("y.npy"), writeNpy(tensor("u8", [count])));
  writeFileSync(at("kws_int8.tflite"), quantizedModel());
  writeFileSync(at("ref.npy"), writeNpy(tensor("i8", [count, 10])));
}, 60_000);
afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

/** One fully connected layer of bytes. */
function quantizedModel(): Uint8Array {
  const weights = Int8Array.from({ length: 10 * pixels }, (_, i) => ((i * 31) % 255) - 127);
  return tfliteBytes({
    tensors: [
      { name: "x", shape: [1, 1, 28, 28], type: 9, scale: [1 / 255], zero: [-128] },
      { name: "w", shape: [10, pixels], contents: tensor("i8", [10, pixels], weights), scale: [0.01] },
      { name: "b", shape: [10], contents: tensor("i32", [10]), scale: [0.01 / 255] },
      { name: "y", shape: [1, 10], type: 9, scale: [0.5], zero: [0] },
    ],
    operators: [{ code: 9, in: [0, 1, 2], out: [3] }],
    outputs: [3],
  });
}

test("the commands run, in their order", () => {
  const lines = blocks("").flatMap((text) => text.split("\n"));
  const commands = lines.flatMap((line) => /^npx quern ([^#]*)/.exec(line)?.[1]?.trim() ?? []);
  expect(commands.length).toBeGreaterThan(6);
  const cli = at("node_modules/quern/dist/src/driver/node/cli.js");
  for (const command of commands) run(process.execPath, cli, ...command.split(/\s+/));
  expect(existsSync(at("out.npy"))).toBe(true);
});

/** What the compiled network says to an input of zero points. */
const answer = (): number[] => {
  const script = `import { load } from "./build/kws/kws.mjs"; const n = await load();
    n.inputs[0].data.fill(n.inputs[0].zero); n.run(); console.log(JSON.stringify([...n.outputs[0].data]));`;
  return JSON.parse(run(process.execPath, "--input-type=module", "--eval", script)) as number[];
};

const hasCompiler = spawnSync("cc", ["--version"], { stdio: "ignore" }).status === 0;
if (!hasCompiler) console.log("skipped: no C compiler here (cc)");

test.skipIf(!hasCompiler)("the C program compiles without a warning and runs", () => {
  put(at("main.c"), blocks("c")[0]!);
  const warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"];
  run("cc", "-std=c99", ...warnings, "-Ibuild/kws", "main.c", "build/kws/kws.c", "-o", "firmware");
  expect(run(at("firmware")).trim().split("\n").map(Number)).toEqual(answer());
});

test("CMake's lines", () => {
  expect(blocks("cmake")[0]).toContain("quern_add_network(kws MODEL kws.onnx CALIBRATE x.npy)"); // cmake.test.ts runs them
});

test("the page's script runs", () => {
  const script = /<script type="module">([\s\S]*)<\/script>/.exec(blocks("html")[0]!)![1]!;
  put(at("build/kws/page.mjs"), `const samples = new Float32Array(${pixels});\n${script}`);
  expect(run(process.execPath, "build/kws/page.mjs")).toContain("Float32Array(10)");
});

test("vite's configuration", () => {
  const [config, build] = blocks("js");
  put(at("vite.config.js"), config!);
  put(
    at("index.html"),
    '<script type="module">import { load } from "./kws.onnx"; console.log(await load());</script>',
  );
  run(process.execPath, "node_modules/vite/bin/vite.js", "build");
  expect(readFileSync(at("node_modules/.cache/quern/kws/kws.wasm"))).toEqual(
    readFileSync(at("build/kws/kws.wasm")),
  );
  put(at("build.js"), build!);
  expect(Number(run(process.execPath, "build.js"))).toBeGreaterThan(1000);
});
