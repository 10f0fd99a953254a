/** Networks as modules: bundled by Vite, Rollup and esbuild from an installed package, and run. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyBytes, tinyText } from "../driver/fixtures.ts";
import { installedProject, put } from "./installed.ts";

const main = `
import { load, quantize, dequantize } from "./tiny.qir";
import { outputs } from "virtual:quern/tiny";

const network = await load();
const [input] = network.inputs;
quantize([1, 2, -3, 0.5], input);
network.run();
console.log(JSON.stringify([...network.outputs[0].data, outputs.length]), dequantize(network.outputs[0]).length);
`;

const plugin = `
import { quern } from "quern/plugin";
export const options = {
  networks: [{ model: "tiny.qir", calibrate: "x.npy", inputScale: 0.05, inputZero: 3 }],
};
export { quern };
`;

let project = "";
const at = (...path: string[]): string => join(project, ...path);

function node(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { VITEST: _, NODE_ENV: __, ...env } = process.env;
  return spawnSync(process.execPath, args, { cwd: project, encoding: "utf8", env });
}

/** Runs a build script, then the bundle it wrote. The result is what the bundle printed. */
function bundleAndRun(build: string, bundle: string): string {
  writeFileSync(at("build.js"), `import { options, quern } from "./plugin.js";\n${build}`);
  const built = node("build.js");
  expect(built.stderr).toBe("");
  expect(built.status).toBe(0);
  const { stdout, stderr } = node(bundle);
  expect(stderr).toBe("");
  return stdout;
}

const vite = (more: string): string => `
import { build } from "vite";
await build({ configFile: false, logLevel: "error", plugins: [quern.vite(options)], ${more} });`;

let expected = "";
beforeAll(() => {
  project = installedProject("vite", "@rollup/wasm-node", "esbuild");
  put(at("tiny.qir"), tinyText);
  put(at("main.js"), main);
  put(at("plugin.js"), plugin);
  put(at("index.html"), '<script type="module" src="./main.js"></script>');
  writeFileSync(at("x.npy"), tinyBytes);
  const mapping = ["--input-scale", "0.05", "--input-zero", "3"];
  const cli = at("node_modules/quern/dist/src/driver/node/cli.js");
  const { status, stderr } = node(
    cli,
    "compile",
    "tiny.qir",
    "--calibrate",
    "x.npy",
    ...mapping,
    "--out",
    "compiled",
  );
  expect([status, stderr]).toEqual([0, ""]);
  put(
    at("reference.js"),
    main.replace("./tiny.qir", "./compiled/tiny.mjs").replace("virtual:quern/tiny", "./compiled/tiny.mjs"),
  );
  expected = node("reference.js").stdout;
  expect(expected).toMatch(/^\[-?\d+,-?\d+,-?\d+,1\] 3\n$/);
}, 60_000);
afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

describe("a bundle runs and gives what the compiled folder gives", () => {
  test("vite, for a page", () => {
    const out = bundleAndRun(
      vite(
        'base: "./", build: { outDir: "out/page", assetsInlineLimit: 0, modulePreload: { polyfill: false }, rolldownOptions: { output: { entryFileNames: "main.mjs" } } }',
      ),
      "out/page/main.mjs",
    );
    expect(out).toBe(expected);
    expect(readdirSync(at("out/page/assets")).filter((name) => name.endsWith(".wasm"))).toHaveLength(1);
  });

  test("vite, for a library", () => {
    const lib = 'lib: { entry: "main.js", formats: ["es"], fileName: () => "main.mjs" }';
    expect(bundleAndRun(vite(`build: { outDir: "out/library", ${lib} }`), "out/library/main.mjs")).toBe(
      expected,
    );
  });

  test("vite, for a server: the WebAssembly is in the script", () => {
    const out = bundleAndRun(
      vite(
        'build: { outDir: "out/server", ssr: "main.js", rolldownOptions: { output: { entryFileNames: "main.mjs" } } }',
      ),
      "out/server/main.mjs",
    );
    expect(out).toBe(expected);
    expect(readdirSync(at("out/server"))).toEqual(["main.mjs"]);
  });

  test("rollup: the WebAssembly is an asset", () => {
    const out = bundleAndRun(
      `import { rollup } from "@rollup/wasm-node";
       const bundle = await rollup({ input: "main.js", plugins: [quern.rollup(options)] });
       await bundle.write({ dir: "out/rollup", format: "es", entryFileNames: "main.mjs" });`,
      "out/rollup/main.mjs",
    );
    expect(out).toBe(expected);
    expect(readdirSync(at("out/rollup/assets"))[0]).toMatch(/^tiny.*\.wasm$/);
  });

  test("esbuild: the WebAssembly is in the script", () => {
    const out = bundleAndRun(
      `import { build } from "esbuild";
       await build({ entryPoints: ["main.js"], bundle: true, format: "esm", platform: "neutral", outfile: "out/esbuild/main.mjs",
         plugins: [quern.esbuild(options)] });`,
      "out/esbuild/main.mjs",
    );
    expect(out).toBe(expected);
    expect(readdirSync(at("out/esbuild"))).toEqual(["main.mjs"]);
  });
});

test("vite serves it in development, and anew when the model changes", () => {
  writeFileSync(
    at("serve.js"),
    `import { readFileSync, writeFileSync } from "node:fs";
     import { createServer } from "vite";
     import { options, quern } from "./plugin.js";
     const server = await createServer({ configFile: false, logLevel: "error", plugins: [quern.vite(options)],
       server: { port: 0, host: "127.0.0.1" } });
     await server.listen();
     const { port } = server.httpServer.address();
     const get = (path) => fetch(new URL(path, "http://127.0.0.1:" + port + "/"));
     const script = await (await get("main.js")).text();
     const path = /from "([^"]*tiny\\.mjs[^"]*)"/.exec(script)[1];
     const first = await (await get(path)).text();
     const wasm = await get(path.replace(/tiny\\.mjs.*/, "tiny.wasm"));
     console.log(wasm.status, wasm.headers.get("content-type"), (await wasm.arrayBuffer()).byteLength > 100);
     console.log(first.includes('"y"'));
     writeFileSync("tiny.qir", readFileSync("tiny.qir", "utf8").replaceAll("%y", "%changed"));
     for (let tries = 0; tries < 100; tries++) {
       const next = await (await get(path)).text();
       if (next.includes('"changed"')) { console.log("changed"); break; }
       await new Promise((resolve) => setTimeout(resolve, 100));
     }
     await server.close();`,
  );
  const { stdout, stderr } = node("serve.js");
  writeFileSync(at("tiny.qir"), tinyText);
  expect(stderr).toBe("");
  expect(stdout).toBe("200 application/wasm true\ntrue\nchanged\n");
});

describe("the cache", () => {
  const wasm = (): string => at("node_modules/.cache/quern/tiny/tiny.wasm");
  const build = (): void => {
    writeFileSync(
      at("build.js"),
      `import { options, quern } from "./plugin.js";
       import { build } from "esbuild";
       await build({ entryPoints: ["main.js"], bundle: true, format: "esm", write: false, plugins: [quern.esbuild(options)] });`,
    );
    expect(node("build.js").stderr).toBe("");
  };

  test("compiles once, and again when samples or options change", () => {
    build();
    const first = statSync(wasm()).mtimeMs;
    build();
    expect(statSync(wasm()).mtimeMs).toBe(first);
    writeFileSync(at("plugin.js"), plugin.replace("inputZero: 3", "inputZero: 4"));
    build();
    expect(statSync(wasm()).mtimeMs).toBeGreaterThan(first);
    writeFileSync(at("plugin.js"), plugin);
  });
});

describe("what is wrong is said", () => {
  const failing = (options: string, script = main): string => {
    writeFileSync(at("wrong.js"), script);
    writeFileSync(
      at("build.js"),
      `import { quern } from "quern/plugin";
       import { rollup } from "@rollup/wasm-node";
       try { await rollup({ input: "wrong.js", plugins: [quern.rollup(${options})] }); }
       catch (error) { console.log(error.message); }`,
    );
    return node("build.js").stdout;
  };

  test("a model without samples", () => {
    expect(failing('{ networks: [{ model: "tiny.qir" }] }')).toContain("error[no-samples]");
  });
  test("a network of another name", () => {
    const script = 'import { load } from "virtual:quern/tiny"; load();';
    expect(failing('{ networks: [{ model: "tiny.qir", name: "small" }] }', script)).toMatch(
      /no network 'tiny'[\s\S]*given 'small'/,
    );
  });
  test("two networks of one name", () => {
    expect(failing('{ networks: [{ model: "tiny.qir" }, { model: "a/tiny.qir" }] }')).toContain(
      "two networks have the name 'tiny'",
    );
  });
});

test("TypeScript knows what is imported", () => {
  writeFileSync(
    at("typed.ts"),
    `/// <reference types="quern/networks" />
     import { load } from "./kws.onnx";
     import { dequantize, quantize } from "virtual:quern/kws";
     const network = await load();
     quantize([1, 2], network.inputs[0]);
     network.run();
     export const y: Float32Array = dequantize(network.outputs[0]);
     // @ts-expect-error -- there is no such method
     network.walk();\n`,
  );
  expect(existsSync(at("node_modules/quern/src/driver/node/networks.d.ts"))).toBe(true);
  const program = ts.createProgram([at("typed.ts")], {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    types: [],
  });
  const problems = ts.getPreEmitDiagnostics(program).map(({ messageText }) => messageText);
  expect(problems).toEqual([]);
});
