/**
 * One element out of a packed constant (src/loops/packing.ts), by loads of bytes and shifts.
 *
 *     element at i:   p = i·b      the byte at p >> 3, and the next where the element ends in it,      t = p & 7
 *                     code = bits << (32 - b - t) >> (32 - b)           element = code, or 2·code + 1
 *
 * Where the index is known up to whole bytes, so are t and the bytes: a loop that takes as many elements as fill bytes has only constant
 * shifts (reduction.ts). Elsewhere they are computed.
 */
import * as l from "../../src/loops/build.ts";
import type { Layout } from "../../src/loops/layout.ts";
import { i32Type, type Address, type LoopAffine, type LoopExpression } from "../../src/loops/loop.ts";
import { elementsOfWholeWords, type Packing } from "../../src/loops/packing.ts";
import { keep, type Scope } from "./lowering.ts";

/** The logical value of element `index` of a constant whose layout has a packing. */
export function unpackElement(
  layout: Layout,
  index: LoopAffine,
  dynamic: LoopExpression | undefined,
  scope: Scope,
): LoopExpression {
  const code = unpackCode(layout, index, dynamic, scope);
  const { groups } = layout;
  if (groups === undefined) return code;
  const element = l.affineValue(index);
  const position = dynamic === undefined ? element : l.add(element, dynamic);
  const group = keep("g", l.shr(position, l.i32(31 - Math.clz32(groups.size))), scope);
  return l.mul(code, unpackFactor(groups.factors, l.loopAffine(0), group, scope));
}

/** What a group's codes, or their sum, are to be multiplied with. */
export const unpackFactor = (
  factors: Layout,
  index: LoopAffine,
  dynamic: LoopExpression | undefined,
  scope: Scope,
): LoopExpression => l.add(unpackCode(factors, index, dynamic, scope), l.i32(factors.bias));

/** The same, without the factor of its group. */
export function unpackCode(
  { buffer, packing }: Layout,
  index: LoopAffine,
  dynamic: LoopExpression | undefined,
  scope: Scope,
): LoopExpression {
  const { bits } = packing!;
  if (dynamic === undefined && startsAtBytes(index, bits)) {
    const first = index.constant * bits;
    const at = (byte: number): Address => ({
      buffer,
      index: l.loopAffine(
        byte,
        index.terms.map(({ register, factor }) => ({ register, factor: (factor * bits) / 8 })),
      ),
    });
    const byte = Math.floor(first / 8);
    const shift = first - 8 * byte;
    const low = loadByte(at(byte), scope);
    const joined = shift + bits <= 8 ? low : join(low, loadByte(at(byte + 1), scope));
    return fromCode(l.shl(joined, l.i32(32 - bits - shift)), packing!);
  }
  const element = l.affineValue(index);
  const position = keep(
    "p",
    l.mul(dynamic === undefined ? element : l.add(element, dynamic), l.i32(bits)),
    scope,
  );
  const byte = keep("q", l.shr(position, l.i32(3)), scope);
  const load = (offset: number): LoopExpression =>
    l.load(i32Type, l.address(buffer, l.loopAffine(offset), byte));
  const joined = 8 % bits === 0 ? load(0) : join(load(0), load(1));
  const shift = l.sub(l.i32(32 - bits), l.binary("and", position, l.i32(7)));
  return fromCode(l.shl(joined, shift), packing!);
}

/** Whether the index is a whole number of bytes away from its constant, whatever the registers hold. */
export const startsAtBytes = (index: LoopAffine, bits: number): boolean =>
  index.terms.every(({ factor }) => factor % elementsOfWholeWords(bits, 8) === 0);

const join = (low: LoopExpression, high: LoopExpression): LoopExpression =>
  l.binary("or", low, l.shl(high, l.i32(8)));

/** `top`: the code in the highest bits. */
function fromCode(top: LoopExpression, { bits, odd }: Packing): LoopExpression {
  const code = l.shr(top, l.i32(32 - bits));
  return odd ? l.add(l.shl(code, l.i32(1)), l.i32(1)) : code;
}

/** Several elements of a byte read it once, in code that runs in one go. */
function loadByte(address: Address, scope: Scope): LoopExpression {
  const load = l.load(i32Type, address);
  if (scope.bytes === undefined) return load;
  const { constant, terms } = address.index;
  const key = [address.buffer.name, constant, ...terms.map((t) => `${t.register.name}*${t.factor}`)].join(
    " ",
  );
  const known = scope.bytes.get(key) ?? keep("w", load, scope);
  scope.bytes.set(key, known);
  return known;
}
