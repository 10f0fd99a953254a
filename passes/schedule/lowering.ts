/**
 * The bookkeeping of a schedule: a procedure under construction, and scopes that say what an expression's variables stand for and what is
 * already in registers.
 */
import type {
  Affine,
  Expression,
  IndexVariable,
  Load,
  ScalarType,
  TensorReference,
} from "../../src/expr/expression.ts";
import * as l from "../../src/loops/build.ts";
import { constantLayout, type Layout } from "../../src/loops/layout.ts";
import type {
  Buffer,
  BufferData,
  LaneElement,
  LoopAffine,
  LoopExpression,
  MemoryElement,
  Register,
  RegisterType,
  Statement,
} from "../../src/loops/loop.ts";
import type { Target } from "../../src/loops/target.ts";

/** One procedure under construction: names are unique in it, constant buffers are collected for the program. */
export class Lowering {
  readonly target: Target;
  readonly name: string;
  readonly buffers: Buffer[] = [];
  /** Targets whose borders are filled. */
  readonly bordered = new Set<TensorReference>();
  readonly #layouts: ReadonlyMap<TensorReference, Layout>;
  readonly #own = new Map<TensorReference, Layout>();
  readonly #names = new Map<string, number>();
  readonly #scratch: Buffer[] = [];

  constructor(name: string, target: Target, layouts: ReadonlyMap<TensorReference, Layout>) {
    this.name = name;
    this.target = target;
    this.#layouts = layouts;
  }

  layoutOf(tensor: TensorReference): Layout {
    const layout = this.#layouts.get(tensor) ?? this.#own.get(tensor);
    if (layout === undefined) throw new Error(`internal: tensor ${tensor.name} has no layout`);
    return layout;
  }

  register(name: string, type: RegisterType): Register {
    const used = this.#names.get(name) ?? 0;
    this.#names.set(name, used + 1);
    return l.register(used === 0 ? name : `${name}_${used}`, type);
  }

  /** A constant tensor a schedule made for itself. */
  addConstant(tensor: TensorReference): void {
    this.#own.set(tensor, constantLayout(tensor, this.target));
  }

  /** Data a schedule packed for itself. */
  constant(name: string, element: MemoryElement, data: BufferData): Buffer {
    const buffer: Buffer = {
      name: `${this.name}:${name}`,
      element,
      count: data.length,
      slackBytes: 0,
      alignBytes: 16,
      role: "constant",
      data,
    };
    this.buffers.push(buffer);
    return buffer;
  }

  /** Memory for this procedure alone, of `count` elements or more: who asks by one name shares it, one after the other. */
  scratch(name: string, element: MemoryElement, count: number): Buffer {
    const full = `${this.name}:${name}`;
    const known = this.#scratch.find((b) => b.name === full && b.element === element && b.count >= count);
    if (known !== undefined) return known;
    const buffer: Buffer = { name: full, element, count, slackBytes: 0, alignBytes: 16, role: "scratch" };
    this.#scratch.push(buffer);
    return buffer;
  }
}

/** `lanes` elements along `variable` are computed at once; 1 is scalar code. */
export interface Lanes {
  readonly variable: IndexVariable;
  readonly count: number;
  /** How many of them, the first ones, are the tensor's; all, when it is not said. What the others hold does not matter. */
  readonly used?: number;
}

/** Where an expression is lowered: what its variables stand for, and what is already in registers. Scopes nest as loops do. */
export interface Scope {
  readonly lowering: Lowering;
  readonly statements: Statement[];
  readonly variables: ReadonlyMap<IndexVariable, LoopAffine>;
  /** Nodes already computed in this scope; lookups go on in `parent`. */
  readonly values: Map<Expression, LoopExpression>;
  readonly parent?: Scope;
  readonly lanes?: Lanes;
  /** Guarded reads that the loops around make safe. */
  readonly safe: ReadonlySet<Load>;
  /** Reads of constants that give codes, for their sum is multiplied. */
  readonly codes?: ReadonlySet<Load>;
  /** Bytes of packed constants already in registers, where several elements are read from one. */
  readonly bytes?: Map<string, LoopExpression>;
}

export const rootScope = (
  lowering: Lowering,
  statements: Statement[],
  variables: ReadonlyMap<IndexVariable, LoopAffine>,
  lanes?: Lanes,
): Scope => ({
  lowering,
  statements,
  variables,
  values: new Map(),
  safe: new Set(),
  ...(lanes === undefined ? {} : { lanes }),
});

export const innerScope = (
  { bytes: _, ...parent }: Scope,
  statements: Statement[],
  variables: ReadonlyMap<IndexVariable, LoopAffine> = new Map(),
  safe: readonly Load[] = [],
): Scope => ({
  ...parent,
  parent,
  statements,
  variables: new Map([...parent.variables, ...variables]),
  values: new Map(),
  safe: new Set([...parent.safe, ...safe]),
});

export const registerType = (type: ScalarType | LaneElement, lanes: number): RegisterType => ({
  element: type,
  lanes,
});

/** An index affine over the scope's registers. */
export function loopIndex(scope: Scope, index: Affine): LoopAffine {
  let result = l.loopAffine(index.constant);
  for (const { variable, factor } of index.terms) {
    if (variable.extent === 1 && !scope.variables.has(variable)) continue;
    const value = scope.variables.get(variable);
    if (value === undefined) throw new Error(`internal: index variable ${variable.name} is not bound`);
    result = l.addLoopAffine(result, l.scaleLoopAffine(value, factor));
  }
  return result;
}

/** The expression in a register of its own, unless it is one or costs nothing. */
export function keep(
  name: string,
  e: LoopExpression,
  scope: Pick<Scope, "lowering" | "statements">,
): LoopExpression {
  if (e.kind === "register" || e.kind === "constant") return e;
  const register = scope.lowering.register(name, e.type);
  scope.statements.push(l.set(register, e));
  return l.read(register);
}
