/**
 * `quern/plugin`: networks as modules of a bundler (Vite, Rollup, Rolldown, webpack, Rspack, esbuild).
 *
 *     quern.vite({ networks: [{ model: "kws.onnx", calibrate: "x.npy", inputScale: 0.58, inputZero: 83 }] })
 *
 *     import { load } from "./kws.onnx";          or "virtual:quern/kws"
 *
 * Both names resolve to a file on disk, the generated kws.mjs beside its kws.wasm, in a folder that stays the same from build to
 * build: so `new URL("./kws.wasm", import.meta.url)` is recognized by the bundlers that recognize it, in development too. Rollup,
 * which does not, is given the module as an asset; for esbuild and for code that runs on a server it is written into the script.
 * A network is compiled when it is imported and what it is made of has changed.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createUnplugin, type UnpluginInstance } from "unplugin";
import { DiagnosticError, fail } from "../../diagnostics/diagnostic.ts";
import { renderDiagnostic, renderDiagnostics } from "../../diagnostics/render.ts";
import { compile, networkName } from "../compile.ts";
import type { Shapes } from "../model.ts";
import { version } from "../version.ts";
import { npyOnDisk, readBytes, readModel } from "./files.ts";
import { given } from "./given.ts";
import { writeOutputFolder } from "./output-folder.ts";

/** One network; paths are relative to the plugin's `root`. */
export interface NetworkOptions {
  /** .onnx, .tflite or .qir */
  readonly model: string;
  /** Samples as .npy, one file for each input of the model. Not needed for a stored .qir. */
  readonly calibrate?: string | readonly string[];
  /** `virtual:quern/NAME`; the model file's name unless given. */
  readonly name?: string;
  /** The samples' numbers stand for (x - inputZero) * inputScale. */
  readonly inputScale?: number;
  readonly inputZero?: number;
  /** Then a mean is subtracted and divided by a deviation: one number, or one a channel. */
  readonly inputMean?: readonly number[];
  readonly inputStd?: readonly number[];
  /** Calibrate with the first so many samples only. */
  readonly samples?: number;
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** State, by the names of an input and of the output it gets. */
  readonly states?: Readonly<Record<string, string>>;
  readonly pipeline?: string;
  /** Values to store in 16 bits, by name, or `all`. */
  readonly wide?: string;
}

export interface PluginOptions {
  readonly networks: readonly NetworkOptions[];
  /** The current folder unless given. */
  readonly root?: string;
  /** `node_modules/.cache/quern` of the root unless given. Holds, for each network, what `quern compile` writes. */
  readonly cacheFolder?: string;
  /** Write the WebAssembly into the script, as base64: always, or never where it can be a file. */
  readonly inline?: boolean;
}

/** How the script finds its WebAssembly. */
type Placement = "beside" | "asset" | "inline";

/** `quern.vite(…)`, `quern.rollup(…)`, `quern.webpack(…)`, `quern.esbuild(…)` … */
export const quern: UnpluginInstance<PluginOptions> = createUnplugin((options, { framework }) => {
  const networks = rendered(() => networksOf(options));
  const find = (id: string): Network | undefined => {
    const path = resolve(id.replace(/\?.*$/, ""));
    return networks.find(({ module }) => module === path);
  };
  return {
    name: "quern",
    enforce: "pre",
    resolveId: {
      filter: { id: /^virtual:quern\/|\.(?:onnx|qir)$/ },
      async handler(id, importer) {
        // Vite resolves the files that a script watches as if it imported them.
        if (importer !== undefined && find(importer) !== undefined) return undefined;
        const network = id.startsWith(virtualPrefix)
          ? rendered(() => named(networks, id.slice(virtualPrefix.length)))
          : networks.find(({ model }) => model === resolve(dirname(importer ?? ""), id));
        if (network === undefined) return undefined;
        await refresh(network, (warning) => {
          this.warn(warning);
        });
        return network.module;
      },
    },
    load: {
      filter: { id: /\.mjs$/ },
      async handler(id) {
        const network = find(id);
        if (network === undefined) return undefined;
        await refresh(network, (warning) => {
          this.warn(warning);
        });
        for (const file of [network.model, ...network.samples]) this.addWatchFile(file);
        return placed(network, placementOf(framework as string, this, options.inline), (name, source) =>
          (this as unknown as Emitter).emitFile({ type: "asset", name, source }),
        );
      },
    },
  };
});

const virtualPrefix = "virtual:quern/";

interface Emitter {
  /** Rollup's own gives the name to refer to the file by. */
  emitFile(file: { type: "asset"; name: string; source: Uint8Array }): string;
}

interface Network {
  readonly options: NetworkOptions;
  readonly name: string;
  readonly model: string;
  readonly samples: readonly string[];
  readonly folder: string;
  /** Path of the generated script, which is what imports resolve to. */
  readonly module: string;
  /** What runs now: bundlers ask for several modules at once. */
  pending: Promise<void> | undefined;
}

function networksOf({ networks, root = process.cwd(), cacheFolder }: PluginOptions): Network[] {
  const cache = resolve(root, cacheFolder ?? join("node_modules", ".cache", "quern"));
  const made = networks.map((options): Network => {
    const { model, calibrate = [] } = options;
    const name = networkName(model, options.name);
    const folder = join(cache, name);
    const samples = (typeof calibrate === "string" ? [calibrate] : calibrate).map((path) =>
      resolve(root, path),
    );
    const module = join(folder, `${name}.mjs`);
    return { options, name, model: resolve(root, model), samples, folder, module, pending: undefined };
  });
  const twin = made.find(({ name }, i) => made.findIndex((other) => other.name === name) < i);
  if (twin !== undefined)
    fail("name", `two networks have the name '${twin.name}'`, { help: "give one another with 'name'" });
  return made;
}

const named = (networks: readonly Network[], name: string): Network =>
  networks.find((network) => network.name === name) ??
  fail("no-network", `there is no network '${name}'`, {
    help: `the plugin was given ${networks.map((network) => `'${network.name}'`).join(", ")}`,
  });

/** Compiles what is missing or out of date. @throws Error whose message is the rendered diagnostics */
async function refresh(network: Network, warn: (text: string) => void): Promise<void> {
  network.pending ??= compileWhenChanged(network, warn).finally(() => {
    network.pending = undefined;
  });
  try {
    await network.pending;
  } catch (error) {
    throw renderedError(error);
  }
}

/** Bundlers show an error's message, so it holds notes and help too. */
const renderedError = (error: unknown): unknown =>
  error instanceof DiagnosticError
    ? new Error(renderDiagnostics(error.diagnostics), { cause: error })
    : error;

function rendered<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw renderedError(error);
  }
}

const keyFile = "cache-key";

async function compileWhenChanged(network: Network, warn: (text: string) => void): Promise<void> {
  const { options, name, folder } = network;
  const shapes: Shapes = new Map(Object.entries(options.shapes ?? {}));
  const model = readModel(network.model, {
    shape: shapes,
    ...(options.states === undefined ? {} : { state: new Map(Object.entries(options.states)) }),
  });
  const contents = [model.bytes, model.externals ?? "", ...network.samples.map(readBytes)].map(hash);
  const key = hash(JSON.stringify([version, name, options, contents]));
  const known = join(folder, keyFile);
  if (existsSync(known) && readFileSync(known, "utf8") === key && existsSync(network.module)) return;
  const files = network.samples.map(npyOnDisk);
  const { inputScale: scale, inputZero: zero, inputMean: mean, inputStd: std } = options;
  const compiled = await compile({
    model,
    name,
    targets: ["wasm"],
    sampleOptions: {
      mapping: given({ scale, zero, mean, std }),
      ...given({ limit: options.samples }),
    },
    ...given({
      samples: files.length === 0 ? undefined : files,
      pipeline: options.pipeline,
      wide: options.wide,
    }),
    onWarning: (warning) => {
      warn(renderDiagnostic(warning));
    },
  });
  writeOutputFolder(folder, new Map([...compiled.files, [keyFile, new TextEncoder().encode(key)]]), false);
}

const hash = (data: Uint8Array | string): string => createHash("sha256").update(data).digest("hex");

function placementOf(framework: string, context: object, inline: boolean | undefined): Placement {
  if (inline === true) return "inline";
  switch (framework) {
    case "vite": {
      // Vite copies assets for browsers alone.
      const { environment } = context as { environment?: { config?: { consumer?: string } } };
      return environment?.config?.consumer === "server" ? "inline" : "beside";
    }
    case "webpack":
    case "rspack":
      return "beside";
    case "rollup":
      return "asset";
    default:
      return "inline";
  }
}

/** The generated script, with its own expression for the file replaced where that would not do. */
function placed(
  { name, module, folder }: Network,
  placement: Placement,
  emit: (name: string, source: Uint8Array) => string,
): string {
  const script = readFileSync(module, "utf8");
  if (placement === "beside") return script;
  const source = readFileSync(join(folder, `${name}.wasm`));
  const found = `new URL("./${name}.wasm", import.meta.url)`;
  const replacement =
    placement === "asset"
      ? `import.meta.ROLLUP_FILE_URL_${emit(`${name}.wasm`, source)}`
      : `Uint8Array.from(atob("${source.toString("base64")}"), (byte) => byte.charCodeAt(0))`;
  const [before, after, ...more] = script.split(found);
  if (after === undefined || more.length > 0)
    throw new Error(`internal: ${module} does not load ${name}.wasm once`);
  return before! + replacement + after;
}
