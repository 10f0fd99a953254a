/** Bundles the compiler's core as an application would: for a browser, or for another Node than the one that runs the tests. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { digitsMapping } from "./compile-digits.ts";

/** What the bundled script imports. */
export const core = fileURLToPath(new URL("../../src/driver/index.ts", import.meta.url));

/** Statements that give `hashes`: name and SHA-256 of each file compiled from two expressions for bytes. */
export const compileAndHash = (model: string, samples: string): string => `
  const { files } = await compile({
    model: { file: "digits.onnx", bytes: ${model} },
    samples: [npyFromBytes(${samples}, "digits.npy")],
    sampleOptions: { mapping: ${JSON.stringify(digitsMapping)} },
  });
  const hashes = [];
  for (const [name, bytes] of files) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice()));
    hashes.push([name, Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")]);
  }
`;

/** The folder with the bundle, `bundle.mjs` and what it loads. */
export async function bundle(folder: string, script: string, forNode = false): Promise<string> {
  const entry = join(folder, "entry.js");
  const outDir = join(folder, "out");
  writeFileSync(entry, script);
  await build({
    root: folder,
    configFile: false,
    logLevel: "error",
    ...(forNode ? { ssr: { noExternal: true } } : {}),
    build: {
      outDir,
      target: "es2022",
      minify: false,
      ...(forNode
        ? { ssr: true, rolldownOptions: { input: entry, output: { entryFileNames: "bundle.mjs" } } }
        : { lib: { entry, formats: ["es"], fileName: () => "bundle.mjs" } }),
    },
  });
  return outDir;
}
