/**
 * Turns loop expressions into closures that compute all lanes of a value into an array of their own, which the next evaluation
 * overwrites: an expression is evaluated and used up within one statement, and `set` copies.
 */
import { checkShift } from "../numerics/machine.ts";
import { formatRegisterType, isFloatLane, isShift } from "./build.ts";
import {
  allocateLanes,
  bigBinaryOf,
  bigs,
  bigUnaryOf,
  comparisons,
  conversion,
  numberBinary,
  numbers,
  numberUnary,
  saturation,
  type Lanes,
} from "./lane-operators.ts";
import {
  laneBytes,
  type LoopExpression,
  type MemoryElement,
  type Register,
  type RegisterType,
} from "./loop.ts";
import type { ResolveAddress } from "./memory.ts";

export type Thunk = () => Lanes;

export interface LaneContext {
  /** The lanes a register holds. Throws internal when nothing was put there before. */
  readonly registerLanes: (register: Register) => Lanes;
  readonly resolve: ResolveAddress;
}

export function compileLanes(root: LoopExpression, context: LaneContext): Thunk {
  const compiled = new Map<LoopExpression, Thunk>();
  const compile = (e: LoopExpression): Thunk => {
    const found = compiled.get(e);
    if (found !== undefined) return found;
    const thunk = compileNode(e);
    compiled.set(e, thunk);
    return thunk;
  };

  function compileNode(e: LoopExpression): Thunk {
    const out = e.kind === "register" ? context.registerLanes(e.register) : allocateLanes(e.type);
    const lanes = out.length;
    switch (e.kind) {
      case "register":
        return () => out;
      case "constant":
        out.fill((out instanceof BigInt64Array ? BigInt(e.value) : e.value) as never);
        return () => out;
      case "load": {
        const [memory, place] = context.resolve(e.address);
        checkLoad(e.type, memory.buffer.element);
        const count = e.splat ?? lanes;
        const big = out instanceof BigInt64Array;
        return () => {
          const at = place();
          memory.checkRead(at, count);
          const { elements } = memory;
          for (let j = 0; j < lanes; j++) {
            const x = elements[at + (j % count)]!;
            out[j] = big ? BigInt(x) : x;
          }
          return out;
        };
      }
      case "unary":
        return compileUnary(e, out);
      case "binary":
        return compileBinary(e, out);
      case "compare": {
        const [left, right] = [compile(e.left), compile(e.right)];
        const holds = comparisons[e.operator];
        const yes = lanes === 1 ? 1 : -1;
        const big = out instanceof BigInt64Array;
        return () => {
          const [a, b] = [left(), right()];
          for (let j = 0; j < lanes; j++) {
            const x = holds(a[j]!, b[j]!) ? yes : 0;
            out[j] = big ? BigInt(x) : x;
          }
          return out;
        };
      }
      case "select": {
        const [condition, whenTrue, whenFalse] = [
          compile(e.condition),
          compile(e.whenTrue),
          compile(e.whenFalse),
        ];
        return () => {
          const [mask, a, b] = [condition(), whenTrue(), whenFalse()];
          for (let j = 0; j < lanes; j++) {
            const chosen = mask[j]!;
            out[j] = (chosen !== 0 && chosen !== 0n ? a : b)[j] as never;
          }
          return out;
        };
      }
      case "convert": {
        const operand = compile(e.operand);
        const convert = conversion(e.operand.type.element, e.type.element);
        return () => {
          const x = operand();
          for (let j = 0; j < lanes; j++) out[j] = convert(x[j]!);
          return out;
        };
      }
      case "splat": {
        const operand = compile(e.operand);
        return () => out.fill(operand()[0] as never);
      }
      case "dot":
        return compileDot(e, out);
      case "mulhi": {
        const [left, right] = [compile(e.left), compile(e.right)];
        return () => {
          const [a, b] = [numbers(left()), numbers(right())];
          for (let j = 0; j < lanes; j++) out[j] = highWord(a[j]!, b[j]!);
          return out;
        };
      }
      case "widen": {
        const operand = compile(e.operand);
        const first = e.part * lanes;
        const big = out instanceof BigInt64Array;
        return () => {
          const x = numbers(operand());
          for (let j = 0; j < lanes; j++) out[j] = big ? BigInt(x[first + j]!) : x[first + j]!;
          return out;
        };
      }
      case "narrow": {
        const [left, right] = [compile(e.left), compile(e.right)];
        const { low, high } = saturation(e.type.element, e.unsigned === true);
        const half = lanes / 2;
        return () => {
          const [a, b] = [left(), right()];
          for (let j = 0; j < lanes; j++) {
            const x = Number(j < half ? a[j]! : b[j - half]!);
            out[j] = Math.min(Math.max(x, low), high);
          }
          return out;
        };
      }
      case "zip": {
        const [left, right] = [compile(e.left), compile(e.right)];
        const first = (e.part * lanes) / 2;
        return () => {
          const [a, b] = [left(), right()];
          for (let j = 0; j < lanes; j++) out[j] = (j % 2 === 0 ? a : b)[first + (j >> 1)] as never;
          return out;
        };
      }
      case "build": {
        const parts = e.parts.map(compile);
        return () => {
          for (let j = 0; j < lanes; j++) out[j] = parts[j]!()[0] as never;
          return out;
        };
      }
      case "extract": {
        const operand = compile(e.operand);
        const { lane } = e;
        return () => {
          out[0] = operand()[lane] as never;
          return out;
        };
      }
    }
  }

  function compileUnary(e: Extract<LoopExpression, { kind: "unary" }>, out: Lanes): Thunk {
    const operand = compile(e.operand);
    if (out instanceof BigInt64Array) {
      const apply = bigUnaryOf(e.operator, e.type);
      return () => {
        const x = bigs(operand());
        for (let j = 0; j < out.length; j++) out[j] = apply(x[j]!);
        return out;
      };
    }
    const apply = numberUnary(e.operator, e.type);
    return () => {
      const x = numbers(operand());
      for (let j = 0; j < out.length; j++) out[j] = apply(x[j]!);
      return out;
    };
  }

  function compileBinary(e: Extract<LoopExpression, { kind: "binary" }>, out: Lanes): Thunk {
    const [left, right] = [compile(e.left), compile(e.right)];
    const shift = isShift(e.operator);
    const width = 8 * laneBytes[e.type.element];
    if (out instanceof BigInt64Array) {
      const apply = bigBinaryOf(e.operator, e.type);
      return () => {
        const a = bigs(left());
        const b = right();
        if (shift) {
          const amount = BigInt(checkShift(Number(b[0]), width));
          for (let j = 0; j < out.length; j++) out[j] = apply(a[j]!, amount);
        } else for (let j = 0; j < out.length; j++) out[j] = apply(a[j]!, bigs(b)[j]!);
        return out;
      };
    }
    const apply = numberBinary(e.operator, e.type);
    return () => {
      const a = numbers(left());
      const b = right();
      if (shift) {
        const amount = checkShift(Number(b[0]), width);
        for (let j = 0; j < out.length; j++) out[j] = apply(a[j]!, amount);
      } else for (let j = 0; j < out.length; j++) out[j] = apply(a[j]!, numbers(b)[j]!);
      return out;
    };
  }

  function compileDot(e: Extract<LoopExpression, { kind: "dot" }>, out: Lanes): Thunk {
    const [acc, left, right] = [compile(e.acc), compile(e.left), compile(e.right)];
    const group = e.left.type.lanes / e.type.lanes;
    if (!Number.isInteger(group)) throw new Error("internal: dot of lanes that do not divide");
    if (isFloatLane(e.type.element)) throw new Error("internal: dot of floats");
    if (out instanceof BigInt64Array)
      return () => {
        const [sums, a, b] = [bigs(acc()), left(), right()];
        for (let j = 0; j < out.length; j++) {
          let sum = sums[j]!;
          for (let i = j * group; i < (j + 1) * group; i++) sum += BigInt(a[i]!) * BigInt(b[i]!);
          out[j] = sum;
        }
        return out;
      };
    return () => {
      const [sums, a, b] = [numbers(acc()), numbers(left()), numbers(right())];
      for (let j = 0; j < out.length; j++) {
        let sum = sums[j]!;
        for (let i = j * group; i < (j + 1) * group; i++) sum = (sum + Math.imul(a[i]!, b[i]!)) | 0;
        out[j] = sum;
      }
      return out;
    };
  }

  return compile(root);
}

const highWord = (a: number, b: number): number => Number((BigInt(a) * BigInt(b)) >> 32n);

/** Integers are loaded into lanes at least as wide, floats into their own kind. */
function checkLoad({ element, lanes }: RegisterType, from: MemoryElement): void {
  const floats = from === "f32" || from === "f64" || isFloatLane(element);
  if (floats ? from === element : laneBytes[element] >= laneBytes[from]) return;
  throw new Error(`internal: ${from} elements loaded as ${formatRegisterType({ element, lanes })}`);
}
