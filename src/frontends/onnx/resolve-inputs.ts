/**
 * Gives every graph input a fixed shape, which the compiler needs: memory is planned at compile time.
 *
 * A shape the caller gives wins and must agree with what the model fixes; it also binds the model's symbols ("batch"),
 * in every input. Of what is then open, the first axis is the batch and becomes 1, with its symbol; any other open
 * dimension is an error, since no value would be a good guess. Each dimension that was fixed here is reported, so
 * that the driver can say so.
 */
import { diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { ElementType } from "../../tensor/element-type.ts";
import type { OnnxDimension, OnnxValueInfo } from "./model.ts";
import { suggest } from "../../diagnostics/suggest.ts";

export interface OnnxInput {
  readonly name: string;
  readonly element: ElementType;
  readonly shape: readonly number[];
}

/** An axis of an input that the model leaves open, and the extent it was given. */
export interface FixedDimension {
  readonly input: string;
  readonly axis: number;
  /** The model's name for it, if any. */
  readonly symbol?: string;
  readonly extent: number;
  /** Why: the caller said so, the first axis is 1 by default, or its symbol is bound by another input. */
  readonly reason: "option" | "batch" | "symbol";
}

export interface ResolvedInputs {
  readonly inputs: readonly OnnxInput[];
  readonly fixed: readonly FixedDimension[];
  /** What each symbol of the inputs became. */
  readonly symbols: ReadonlyMap<string, number>;
  readonly problems: readonly Diagnostic[];
}

type Shapes = ReadonlyMap<string, readonly number[]>;

const shapeText = (shape: readonly OnnxDimension[]): string =>
  `[${shape.map((extent) => extent ?? "?").join(", ")}]`;

/** `--shape x=1,3,<height>,<width>` */
function shapeHelp({ name, shape }: OnnxValueInfo): string {
  const example = shape?.map((extent, axis) =>
    typeof extent === "number" ? extent : axis === 0 ? 1 : `<${extent ?? `axis ${axis}`}>`,
  );
  return `give it with --shape ${name}=${example?.join(",") ?? "1,3,32,32"}`;
}

/** What is wrong with a shape of the caller's for this input, if anything. */
function disagreement(given: readonly number[], { shape }: OnnxValueInfo): string | undefined {
  if (!given.every((extent) => Number.isSafeInteger(extent) && extent >= 0 && extent < 2 ** 31)) {
    return "is no shape";
  }
  if (shape === undefined) return undefined;
  if (given.length !== shape.length) return `has ${given.length} dimensions, expected ${shape.length}`;
  const axis = shape.findIndex((extent, index) => typeof extent === "number" && extent !== given[index]);
  return axis < 0 ? undefined : `has ${given[axis]!} at axis ${axis}, expected ${shape[axis]!}`;
}

/** @param inputs those without an initializer */
export function resolveInputs(inputs: readonly OnnxValueInfo[], shapes: Shapes = new Map()): ResolvedInputs {
  const problems: Diagnostic[] = [];
  const fixed: FixedDimension[] = [];
  const symbols = new Map<string, number>();
  const report = (code: string, message: string, subject: string, help: string): void => {
    problems.push(diagnostic("error", code, message, { subject, help }));
  };

  for (const name of shapes.keys()) {
    if (inputs.some((input) => input.name === name)) continue;
    const names = inputs.map((input) => input.name);
    const meant = suggest(name, names);
    const help = meant === undefined ? `the inputs are ${names.join(", ")}` : `did you mean '${meant}'?`;
    report(
      "onnx-unknown-input",
      `a shape is given for '${name}', which is no input`,
      `--shape ${name}`,
      help,
    );
  }

  /** False if the symbol already stands for another extent. */
  const bind = (symbol: OnnxDimension, extent: number): boolean => {
    if (typeof symbol !== "string") return true;
    if (!symbols.has(symbol)) symbols.set(symbol, extent);
    return symbols.get(symbol) === extent;
  };

  const accepted = new Set<string>();
  for (const input of inputs) {
    const given = shapes.get(input.name);
    if (given === undefined) continue;
    const subject = `input "${input.name}"`;
    const wrong = disagreement(given, input);
    if (wrong !== undefined) {
      const message = `the shape ${shapeText(given)} given for input '${input.name}' ${wrong}`;
      report("onnx-shape-option", message, subject, shapeHelp(input));
      continue;
    }
    accepted.add(input.name);
    input.shape?.forEach((symbol, axis) => {
      const extent = given[axis]!;
      if (bind(symbol, extent)) return;
      const message = `the symbol '${symbol ?? ""}' stands for ${extent} and for ${symbols.get(symbol as string)!}`;
      report("onnx-shape-option", message, subject, "give inputs that share a symbol the same extent");
    });
  }
  for (const { name, shape } of inputs) {
    if (accepted.has(name) || typeof shape?.[0] !== "string" || symbols.has(shape[0])) continue;
    symbols.set(shape[0], 1);
  }

  const resolve = (input: OnnxValueInfo): OnnxInput | undefined => {
    const { name, element } = input;
    const subject = `input "${name}"`;
    const shape = input.shape ?? (accepted.has(name) ? shapes.get(name) : undefined);
    if (element === undefined) {
      const found = input.declared === "" ? "has no element type" : `is a ${input.declared}`;
      const message = `input '${name}' ${found}, expected a tensor of numbers`;
      report("onnx-input-type", message, subject, "export the model with typed tensor inputs");
    }
    if (shape === undefined) {
      if (shapes.has(name)) return undefined;
      report("onnx-missing-shape", `input '${name}' has no shape`, subject, shapeHelp(input));
      return undefined;
    }
    const openAxes: number[] = [];
    const extents = shape.map((dimension, axis): number => {
      if (typeof dimension === "number") return dimension;
      const option = accepted.has(name) ? shapes.get(name)![axis] : undefined;
      const bound = dimension === null ? undefined : symbols.get(dimension);
      const extent = option ?? bound ?? (axis === 0 ? 1 : undefined);
      if (extent === undefined) {
        openAxes.push(axis);
        return 0;
      }
      const reason = option !== undefined ? "option" : axis === 0 && extent === 1 ? "batch" : "symbol";
      const symbol = dimension === null ? {} : { symbol: dimension };
      fixed.push({ input: name, axis, ...symbol, extent, reason });
      return extent;
    });
    if (openAxes.length > 0 && !shapes.has(name)) {
      const axes = `${openAxes.length === 1 ? "axis" : "axes"} ${openAxes.join(", ")}`;
      const message = `input '${name}' of shape ${shapeText(shape)} is dynamic in ${axes}`;
      report("onnx-dynamic-shape", message, subject, shapeHelp(input));
    }
    return element === undefined || openAxes.length > 0 ? undefined : { name, element, shape: extents };
  };

  const resolved = inputs.map(resolve).filter((input) => input !== undefined);
  return { inputs: resolved, fixed, symbols, problems };
}
