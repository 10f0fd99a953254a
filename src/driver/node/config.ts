/**
 * The configuration file: options by the names they have on the command line, as JSON. A command's own section goes before what
 * stands outside of sections, and the command line before both.
 *
 *     { "calibrate": "x.npy", "input-scale": 0.0078125, "evaluate": { "inputs": ["dev.npy"], "labels": "y.npy" } }
 *
 * Entries become words of the command line, so that one parser reads and judges them all. Outside of sections an option that only
 * other commands have is for those. Commands for looking at passes, whose options of the same names mean other things (`opt --out` is a
 * file), take their section alone. Paths are relative to the file.
 */
import { existsSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import type { Command, Option } from "commander";
import { diagnostic, DiagnosticError, fail, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { textOf } from "../model.ts";
import { readBytes } from "./files.ts";

export const configFile = "quern.config.json";

/** What stands outside of sections is for these. */
const sharing = new Set(["inspect", "compile", "evaluate", "run", "verify"]);
const paths = new Set(["calibrate", "inputs", "outputs", "labels", "reference", "out"]);
/** Given once for each file, where other lists are joined by commas. */
const repeated = new Set(["calibrate", "inputs", "outputs", "shape", "fix", "state"]);

export interface Configured {
  /** The command line with the file's options after the command's name. */
  readonly words: readonly string[];
  /** Those that came from the file. */
  readonly added: readonly string[];
  readonly file?: string;
}

export const addConfigOption = (command: Command): Command =>
  command.option("--config <FILE>", `options by name, as JSON (default: ${configFile}, where it exists)`);

/** @throws DiagnosticError `config-syntax`, `config-key`, `config-value`, and what reading a file may say */
export function withConfig(words: readonly string[], program: Command): Configured {
  const command = program.commands.find((candidate) => candidate.name() === words[0]);
  const isHelp = words.some((word) => word === "--help" || word === "-h");
  const file = fileOf(words) ?? (existsSync(configFile) ? configFile : undefined);
  if (command === undefined || isHelp || file === undefined) return { words, added: [] };
  const entries = readConfig(file);
  const problems = checkKeys(entries, program, file);
  const section = entries[command.name()];
  const shared = sharing.has(command.name()) ? entries : {};
  const chosen = { ...shared, ...(isSection(section) ? section : {}) };
  const options = optionsOf(command);
  const added = Object.entries(chosen).flatMap(([name, value]): string[] => {
    const option = options.get(name);
    if (option === undefined || isGiven(name, words)) return [];
    const made = wordsOf(name, value, option, dirname(file));
    if (typeof made !== "string") return made;
    problems.push(diagnostic("error", "config-value", `'${name}' is ${made}`, { subject: `file "${file}"` }));
    return [];
  });
  if (problems.length > 0) throw new DiagnosticError(problems);
  return { words: [words[0]!, ...added, ...words.slice(1)], added, file };
}

type Entries = Readonly<Record<string, unknown>>;

const isSection = (value: unknown): value is Entries =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function fileOf(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => word === "--config" || word.startsWith("--config="));
  if (at < 0) return undefined;
  return words[at] === "--config" ? words[at + 1] : words[at]!.slice("--config=".length);
}

function readConfig(file: string): Entries {
  const text = textOf(readBytes(file), file);
  const subject = `file "${file}"`;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    return fail("config-syntax", `this is no JSON: ${(error as Error).message}`, { subject });
  }
  return isSection(found) ? found : fail("config-syntax", "expected an object of options", { subject });
}

/** By long name; help, version and the configuration file itself are no entries. */
function optionsOf(command: Command): ReadonlyMap<string, Option> {
  const options = command.options.map((option): [string, Option] => [
    option.long?.slice(2) ?? option.name(),
    option,
  ]);
  return new Map(options.filter(([name]) => !["config", "help", "version"].includes(name)));
}

function checkKeys(entries: Entries, program: Command, file: string): Diagnostic[] {
  const anywhere = new Set(program.commands.flatMap((command) => [...optionsOf(command).keys()]));
  const unknown = (keys: readonly string[], known: ReadonlySet<string>, where: string): Diagnostic[] =>
    keys
      .filter((key) => !known.has(key))
      .map((key) => {
        const spelt = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
        const help = known.has(spelt) ? { help: `did you mean '${spelt}'?` } : didYouMean(key, known);
        return diagnostic("error", "config-key", `there is no option '${key}'${where}`, {
          subject: `file "${file}"`,
          ...help,
        });
      });
  const commands = program.commands.filter((command) => Object.hasOwn(entries, command.name()));
  const sections = new Set(commands.map((command) => command.name()));
  return [
    ...unknown(
      Object.keys(entries).filter((key) => !sections.has(key)),
      anywhere,
      "",
    ),
    ...commands.flatMap((command) => {
      const name = command.name();
      const section = entries[name];
      if (isSection(section))
        return unknown(Object.keys(section), new Set(optionsOf(command).keys()), ` of 'quern ${name}'`);
      const message = `'${name}' is a command: expected an object of its options`;
      return [diagnostic("error", "config-value", message, { subject: `file "${file}"` })];
    }),
  ];
}

function isGiven(name: string, words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words
    .slice(0, end < 0 ? words.length : end)
    .some((word) => word === `--${name}` || word.startsWith(`--${name}=`));
}

/** Words, or what is wrong. */
function wordsOf(name: string, value: unknown, option: Option, folder: string): string[] | string {
  const takesValue = option.required || option.optional;
  if (typeof value === "boolean" && (!takesValue || (option.optional && value)))
    return value ? [`--${name}`] : [];
  if (!takesValue) return `${JSON.stringify(value)}, expected true or false`;
  const named = ["shape", "fix", "state"].includes(name) && isSection(value);
  const items = named ? pairsOf(value, name === "fix" ? "," : "x") : [value].flat();
  if (!items.every((item) => typeof item === "string" || typeof item === "number"))
    return `${JSON.stringify(value)}, expected a text, a number or a list of them`;
  const texts = items.map((item) =>
    paths.has(name) && !isAbsolute(String(item)) ? join(folder, String(item)) : String(item),
  );
  const joined = repeated.has(name) ? texts : [texts.join(",")];
  return joined.map((text) => `--${name}=${text}`);
}

/** `{ "input": [1, 3, 32, 32] }` → `input=1x3x32x32`, `{ "h": "hn" }` → `h=hn`, `{ "rate": 16000 }` → `rate=16000`. */
const pairsOf = (pairs: Entries, separator: string): unknown[] =>
  Object.entries(pairs).map(([input, value]) => {
    if (Array.isArray(value)) return `${input}=${value.join(separator)}`;
    const isPlain = typeof value === "number" || (typeof value === "string" && !value.includes("="));
    return isPlain ? `${input}=${value}` : value;
  });
