/** Finds and runs the C compiler of the machine. */
import { spawnSync } from "node:child_process";
import { DiagnosticError, fail } from "../../diagnostics/diagnostic.ts";
import type { Streams } from "./streams.ts";

/** A command and the arguments that always go with it (`ccache gcc`). */
export type CompilerCommand = readonly [command: string, ...rest: string[]];

const works = ([command, ...rest]: CompilerCommand): boolean =>
  spawnSync(command, [...rest, "--version"], { stdio: "ignore" }).status === 0;

/** The first command of the list that answers `--version`. */
export const firstWorking = (candidates: readonly CompilerCommand[]): CompilerCommand | undefined =>
  candidates.find(works);

/**
 * $CC, or else cc, gcc or clang.
 *
 * @throws DiagnosticError `no-c-compiler`, when none runs
 */
export function findCompiler(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): CompilerCommand {
  const asked = environment["CC"]?.trim().split(/\s+/).filter(Boolean) ?? [];
  const [command, ...rest] = asked;
  if (command !== undefined) {
    const compiler: CompilerCommand = [command, ...rest];
    if (works(compiler)) return compiler;
    fail("no-c-compiler", `the C compiler '${asked.join(" ")}' of the variable CC does not run`, {
      help: "set CC to a C99 compiler, or unset it",
    });
  }
  const found = firstWorking([["cc"], ["gcc"], ["clang"]]);
  return (
    found ??
    fail("no-c-compiler", "no C compiler found: cc, gcc and clang do not run", {
      help: "install one, or set the variable CC",
    })
  );
}

/** For commands that do without the C engine where there is no compiler, and say so. */
export function hasCompiler(streams: Streams): boolean {
  try {
    findCompiler();
    return true;
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    streams.diagnose(error.diagnostics.map((d) => ({ ...d, severity: "note" })));
    return false;
  }
}

/**
 * Runs the compiler in a folder.
 *
 * @throws internal, with the compiler's messages, when it refuses: what it compiles is ours
 */
export function runCompiler(compiler: CompilerCommand, flags: readonly string[], folder: string): void {
  const [command, ...rest] = compiler;
  const { status, stderr, error } = spawnSync(command, [...rest, ...flags], {
    cwd: folder,
    encoding: "utf8",
  });
  if (status !== 0) {
    throw new Error(
      `internal: '${[...compiler, ...flags].join(" ")}' failed:\n${error?.message ?? ""}${stderr ?? ""}`,
    );
  }
}
