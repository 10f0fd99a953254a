/** Options that several commands share, and how their texts are read. A misread option is a usage error: exit code 2. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { fewestBits, mostBits } from "../../numerics/levels.ts";
import { engineNames, type EngineName } from "../engines.ts";
import type { FixedInputs, ModelOptions, Shapes, States } from "../model.ts";
import type { InputMapping } from "../samples.ts";
import type { SampleWindow } from "../windows.ts";
import { given } from "./given.ts";

export interface InputOptions {
  readonly inputScale?: number;
  readonly inputZero?: number;
  readonly inputMean?: readonly number[];
  readonly inputStd?: readonly number[];
  readonly window?: number;
  readonly hop?: number;
}

export function withInputMapping(command: Command): Command {
  return command
    .option("--input-scale <S>", "the samples' numbers stand for (x - Z) * S", positive)
    .option("--input-zero <Z>", "the samples' zero point (default: 0)", number)
    .option(
      "--input-mean <M>",
      "after scale and zero point subtract a mean: one number, or one a channel, with commas",
      numbers,
    )
    .option("--input-std <D>", "then divide by a standard deviation, likewise", positives)
    .option("--window <FRAMES>", "a sample is a window of so many frames of a row [T, ...]", count)
    .option("--hop <N>", "frames from one window to the next (default: 1)", count);
}

export function mappingOf({ inputScale, inputZero, inputMean, inputStd }: InputOptions): InputMapping {
  return given({ scale: inputScale, zero: inputZero, mean: inputMean, std: inputStd });
}

/** @throws InvalidArgumentError for a hop without a window */
export function windowOf({ window, hop }: InputOptions): SampleWindow | undefined {
  if (window === undefined && hop !== undefined)
    throw new InvalidArgumentError("option '--hop' needs '--window'");
  return window === undefined ? undefined : { frames: window, hop: hop ?? 1 };
}

/** What commands take that run a network on samples. */
export interface RunOptions extends InputOptions, ModelOptions {
  readonly inputs: readonly string[];
  readonly engine?: readonly EngineName[];
  readonly limit?: number;
}

export const withRunOptions = (command: Command): Command =>
  withInputMapping(
    command
      .argument("<model>", ".onnx, .tflite, .qir or a compiled folder")
      .requiredOption("--inputs <X.npy>", "samples, N along the first axis; once for each input", collected)
      .addOption(engineOption())
      .option("--limit <N>", "the first N rows of the files only", count)
      .addOption(shapeOption())
      .addOption(fixOption())
      .addOption(stateOption()),
  );

export const shapeOption = (): Option =>
  new Option(
    "--shape <NAME=SHAPE>",
    "fix an input's shape, for instance input=1x3x32x32 (repeatable)",
  ).argParser(shape);

export const rangesOption = (): Option =>
  new Option(
    "--ranges <FILE>",
    'ranges not to measure: JSON, {"value": [lowest, highest]}, by the names in report.json',
  );

export const engineOption = (flags = "--engine <E>"): Option =>
  new Option(flags, `engines, with commas or repeated: ${engineNames.join(", ")}`).argParser(engines);

export const collected = (value: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  value,
];

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It is no number.");
  return value;
}

export function positive(text: string): number {
  const value = number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It is expected to be above 0.");
  return value;
}

export const numbers = (text: string): readonly number[] => text.split(",").map(number);

export const positives = (text: string): readonly number[] => text.split(",").map(positive);

export function wholeNumber(text: string): number {
  const value = number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("It is no whole number.");
  return value;
}

/** A whole number, at least 1. */
export function count(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError("It is expected to be at least 1.");
  return value;
}

/** The width of a weight. */
export function weightBits(text: string): number {
  const value = wholeNumber(text);
  if (value < fewestBits || value > mostBits.integers)
    throw new InvalidArgumentError(`It is expected to be ${fewestBits} to ${mostBits.integers}.`);
  return value;
}

/** How many weights share a scale. */
export function powerOfTwo(text: string): number {
  const value = wholeNumber(text);
  if (value < 2 || value > 2 ** 30 || (value & (value - 1)) !== 0)
    throw new InvalidArgumentError("It is expected to be a power of two, from 2 to 1073741824.");
  return value;
}

/** `50%` or `0.5`, above 0 and below 1. */
export function shareOf(text: string): number {
  const share = text.trim().endsWith("%") ? number(text.trim().slice(0, -1)) / 100 : number(text);
  if (!(share > 0 && share < 1)) throw new InvalidArgumentError("It is no share between 0 and 100 %.");
  return share;
}

/** `40K`, `2M`, `1500`: a number more than 1, with K, M and G of `kilo` times the one before. */
export const amountOf =
  (kilo: number) =>
  (text: string): number => {
    const [, digits = "", unit = ""] = /^\s*([\d.]+)\s*([KMG]?)\s*$/i.exec(text) ?? [];
    const amount = Math.floor(
      number(digits) * kilo ** " KMG".indexOf(unit === "" ? " " : unit.toUpperCase()),
    );
    if (!(amount > 1)) throw new InvalidArgumentError("It is no number of 2 or more, with K, M or G.");
    return amount;
  };

/** A comma list of words out of `known`, repetition allowed. */
export const listOf =
  <T extends string>(known: readonly T[]) =>
  (text: string, earlier: readonly T[] = []): readonly T[] => {
    const found = text.split(",").map((word) => word.trim());
    for (const word of found)
      if (!(known as readonly string[]).includes(word))
        throw new InvalidArgumentError(`'${word}' is none of ${known.join(", ")}.`);
    return [...new Set([...earlier, ...(found as T[])])];
  };

const engines = (text: string, earlier?: readonly EngineName[]): readonly EngineName[] =>
  listOf(engineNames)(text, earlier);

export const fixOption = (): Option =>
  new Option(
    "--fix <NAME=NUMBERS>",
    "make an input a constant: one number, or one for each element, for instance sr=16000 (repeatable)",
  ).argParser(fixed);

function fixed(text: string, earlier: FixedInputs = new Map()): FixedInputs {
  const found = /^([^=]+)=([^=]+)$/.exec(text);
  if (found === null) throw new InvalidArgumentError("It has not the form NAME=NUMBERS.");
  return new Map([...earlier, [found[1]!, numbers(found[2]!)]]);
}

/** Given the same for every command that reads a model. */
export const stateOption = (): Option =>
  new Option(
    "--state <INPUT=OUTPUT>",
    "state: the input gets at each run what the output gave at the one before (repeatable)",
  ).argParser(state);

function state(text: string, earlier: States = new Map()): States {
  const found = /^([^=]+)=([^=]+)$/.exec(text);
  if (found === null) throw new InvalidArgumentError("It has not the form INPUT=OUTPUT.");
  return new Map([...earlier, [found[1]!, found[2]!]]);
}

function shape(text: string, earlier: Shapes = new Map()): Shapes {
  const found = /^(.+)=(\d+(?:[x,]\d+)*)$/.exec(text);
  if (found === null) throw new InvalidArgumentError("It has not the form NAME=1x3x32x32.");
  return new Map([...earlier, [found[1]!, found[2]!.split(/[x,]/).map(Number)]]);
}
