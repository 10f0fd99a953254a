/** `quern verify`. */
import type { Command } from "commander";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import type { EngineName } from "../../engines.ts";
import { verifyBundle } from "../../verify.ts";
import { hasCompiler } from "../c-compiler.ts";
import { nodeEngines } from "../engines.ts";
import { readBundle } from "../files.ts";
import { given } from "../given.ts";
import { engineOption, count } from "../options.ts";
import type { Streams } from "../streams.ts";
import { textTable } from "../text-table.ts";

interface Options {
  readonly engine?: readonly EngineName[];
  readonly count?: number;
  readonly json?: boolean;
}

export function addVerify(program: Command, streams: Streams): void {
  program
    .command("verify")
    .description("check a compiled folder: files, floats, overflow, byte equality of engines")
    .argument("<dir>", "a folder that 'quern compile' wrote")
    .addOption(engineOption())
    .option("--count <N>", "random inputs to compare engines on (default: 8)", count)
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  $ quern verify build/kws")
    .action(async (folder: string, options: Options) => {
      const engines = options.engine ?? [
        "wasm-simd" as const,
        "wasm-scalar" as const,
        ...("CC" in process.env || hasCompiler(streams) ? ["c" as const] : []),
      ];
      const found = await verifyBundle({
        bundle: readBundle(folder),
        engines,
        factories: nodeEngines,
        ...given({ count: options.count }),
      });
      const rows = found.checks.map(({ name, passed, detail }) => [passed ? "ok" : "FAILED", name, detail]);
      streams.out(
        options.json === true
          ? `${JSON.stringify(found, undefined, 2)}\n`
          : `${textTable(["", "check", "result"], rows)}\n`,
      );
      if (found.problems.length > 0) throw new DiagnosticError(found.problems.slice(0, 20));
    });
}
