#!/usr/bin/env node
/**
 * The command line. Exit codes: 0 done, 1 the job failed (a diagnostic says why), 2 misused.
 *
 * Results go to standard output, everything else to standard error. An error that is no diagnostic is the compiler's own fault:
 * it is saved to a file for a report, and its stack is shown only when QUERN_DEBUG is set.
 */
import { existsSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { DiagnosticError, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../diagnostics/render.ts";
import { extensionOf } from "../model.ts";
import { version } from "../version.ts";
import { addBisect } from "./commands/bisect.ts";
import { addCompile } from "./commands/compile.ts";
import { addEvaluate } from "./commands/evaluate.ts";
import { addInspect } from "./commands/inspect.ts";
import { addOpt } from "./commands/opt.ts";
import { addRounding } from "./commands/rounding.ts";
import { addRun } from "./commands/run.ts";
import { addVerify } from "./commands/verify.ts";
import { addConfigOption, withConfig, type Configured } from "./config.ts";
import type { Streams, Writers } from "./streams.ts";

export function createProgram(streams: Streams): Command {
  const program = new Command("quern")
    .description("Compiles trained neural networks to integer-only C and WebAssembly.")
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: streams.out, writeErr: streams.err })
    .showSuggestionAfterError()
    .showHelpAfterError("(--help explains)");
  for (const add of [addInspect, addCompile, addEvaluate, addRun, addOpt, addBisect, addRounding, addVerify])
    add(program, streams);
  program.commands.forEach(addConfigOption);
  return program;
}

const processWriters: Writers = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

/** Runs one command line (without node and script). The result is the exit code. */
export async function main(args: readonly string[], { out, err }: Writers = processWriters): Promise<number> {
  const sources = new Map<string, string>();
  const diagnose: Streams["diagnose"] = (diagnostics) => {
    if (diagnostics.length > 0) err(`${renderDiagnostics(diagnostics, sources)}\n`);
  };
  const streams: Streams = {
    out,
    err,
    diagnose,
    remember: ({ file, bytes }) => {
      if (extensionOf(file) === "qir") sources.set(file, new TextDecoder().decode(bytes));
    },
  };
  let configured: Configured = { words: args, added: [] };
  try {
    const program = createProgram(streams);
    configured = withConfig(args, program);
    rememberPipeline(configured.words, sources);
    await program.parseAsync(configured.words, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      const code = usageCode(error, err);
      const { file, added } = configured;
      if (code !== 0 && added.length > 0) err(`note: ${file ?? ""} adds ${added.join(" ")}\n`);
      return code;
    }
    if (error instanceof DiagnosticError) {
      diagnose(error.diagnostics);
      return error.diagnostics.every(isMisuse) ? 2 : 1;
    }
    reportInternal(error, err);
    return 1;
  }
}

/** What is wrong with the words of the command line, whatever model and files they name. */
const misuses = new Set([
  "unknown-pass",
  "unknown-option",
  "missing-option",
  "option",
  "name",
  "target",
  "prune-pipeline",
]);

const isMisuse = ({ code, span }: Diagnostic): boolean =>
  misuses.has(code) || (code === "syntax" && pipelineTexts.includes(span?.file ?? ""));

/** As spans name the text of a pipeline on the command line. */
const pipelineTexts = ["--passes", "pipeline"];

/** So that diagnostics can show where in a pipeline they stand. */
function rememberPipeline(words: readonly string[], sources: Map<string, string>): void {
  const at = words.findIndex((word) => /^--(passes|pipeline)(=|$)/.test(word));
  const word = words[at];
  if (word === undefined) return;
  const text = word.includes("=") ? word.slice(word.indexOf("=") + 1) : words[at + 1];
  if (text !== undefined) for (const name of pipelineTexts) sources.set(name, text);
}

/** Help and version are no errors; those of arguments inside an action were not printed yet. */
function usageCode(error: CommanderError, err: (text: string) => void): number {
  if (error.code === "commander.invalidArgument" && !error.message.startsWith("error:"))
    err(`error: ${error.message}\n`);
  return error.exitCode === 0 ? 0 : 2;
}

function reportInternal(error: unknown, err: (text: string) => void): void {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  const [first = "", ...details] = message.split("\n");
  err(`quern: ${first.startsWith("internal:") ? first : `internal: ${first}`}\n`);
  err("This is the compiler's fault, not yours. Please report it, with the model");
  try {
    const file = join(mkdtempSync(join(tmpdir(), "quern-fault-")), "fault.txt");
    writeFileSync(
      file,
      [`quern ${version}, node ${process.version}`, first, ...details, "", stack ?? ""].join("\n"),
    );
    err(` and ${file}, which holds the graph and the place`);
  } catch {
    // The report then goes without.
  }
  err(".\n");
  if (process.env["QUERN_DEBUG"] !== undefined) err(`${stack ?? ""}\n`);
}

const script = process.argv[1];
if (script !== undefined && existsSync(script) && realpathSync(script) === fileURLToPath(import.meta.url)) {
  // A reader that has seen enough (`| head`) is no fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1);
  });
  process.exitCode = await main(process.argv.slice(2));
}
