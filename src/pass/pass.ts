/**
 * What a pass is: a name, options with types, and a function that changes a graph. It reads no clock, no file and no
 * global: whatever it needs from outside comes with its context, so that the same graph and options give the same result.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { ExecutorFactory } from "../exec/executor.ts";
import type { AttributesOf, AttributeSpec, Attributes } from "../ir/attributes.ts";
import type { Graph, Range } from "../ir/graph.ts";
import { createRandom, type Random } from "./random.ts";
import type { InputQuantization, SampleSource } from "./samples.ts";

/** Of each channel of a value. */
export interface ChannelStatistics {
  /** Of the channels. */
  readonly axis: number;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

export interface PassContext {
  /** Runs networks, for passes that measure. */
  readonly executor?: ExecutorFactory;
  readonly samples?: SampleSource;
  /** By name of the input: the stored integers its samples came as, which the compiled network will be fed with. */
  readonly inputQuantization?: ReadonlyMap<string, InputQuantization>;
  /**
   * Copies of the graph that a pass leaves for later passes of the same run to compare with, by what they are: `real` is the graph
   * that `insert-fake-quantization` found, `fake-quantized` the one that `requantize` did.
   */
  readonly snapshots: Map<string, Graph>;
  /** By name of the value: what the user knows of it, which nothing measures again. */
  readonly ranges?: ReadonlyMap<string, Range>;
  /**
   * What batch normalizations said of the channels they gave, by name of the value: folding leaves no trace of it in the graph. Passes that
   * give channels other values rescale or clear it.
   */
  readonly normalized: Map<string, ChannelStatistics>;
  readonly random: (seed: number) => Random;
  readonly warn: (warning: Diagnostic) => void;
  readonly progress?: (done: number, total: number) => void;
}

/** A context for passes that measure nothing; `parts` adds to it. */
export function createContext(parts: Partial<PassContext> = {}): PassContext {
  return {
    random: createRandom,
    warn: () => undefined,
    snapshots: new Map(),
    normalized: new Map(),
    ...parts,
  };
}

/** Rows of plain data a pass found out, for reports: `bound-accumulators` gives one for each accumulator. */
export type Finding = Readonly<Record<string, string | number | boolean | readonly number[]>>;

export interface PassRun<A extends Record<string, AttributeSpec>> {
  readonly options: AttributesOf<A>;
  /** Adds to a statistic: `count("folded")`. */
  readonly count: (statistic: string, by?: number) => void;
  /** Keeps a row of the pass's result in its record. */
  readonly find: (finding: Finding) => void;
  readonly context: PassContext;
}

export interface PassSpec<A extends Record<string, AttributeSpec>> {
  /** `verb-noun`. */
  readonly name: string;
  /** One line, lower case: what `quern opt --list` prints. */
  readonly summary: string;
  readonly options: A;
  run(graph: Graph, run: PassRun<A>): void | Promise<void>;
}

/** A pass with the static types of its options erased. */
export interface Pass {
  readonly name: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, AttributeSpec>>;
  run(
    graph: Graph,
    run: Omit<PassRun<Record<string, AttributeSpec>>, "options"> & { readonly options: Attributes },
  ): void | Promise<void>;
}

export function definePass<const A extends Record<string, AttributeSpec>>(spec: PassSpec<A>): Pass {
  // The manager checks options against `spec.options` before it calls `run`, which is what the types claim.
  return spec;
}
