/**
 * Affine indices as C. Terms are nested by Horner where a stride divides the next larger one, so that an index shows the
 * shape it walks: 320·y + 64·x + c prints as `(y * 5 + x) * 64 + c`.
 */
import type { LoopAffine } from "../../src/loops/loop.ts";
import { enclose, level } from "./printed.ts";
import type { Names, Printed } from "./printed.ts";

type Piece = Pick<Printed, "text" | "level">;

const scaled = (piece: Piece, factor: number): Piece =>
  factor === 1 ? piece : { text: `${enclose(piece, level.product)} * ${factor}`, level: level.product };

const sum = (left: Piece, right: Piece): Piece => ({
  text: `${enclose(left, level.sum)} + ${enclose(right, level.product)}`,
  level: level.sum,
});

/** Sum of factor · register over positive factors, in chains. */
function chains(terms: readonly { readonly piece: Piece; readonly factor: number }[]): Piece[] {
  const finished: Piece[] = [];
  let chain: { piece: Piece; factor: number } | undefined;
  for (const { piece, factor } of [...terms].sort((a, b) => b.factor - a.factor)) {
    if (chain !== undefined && chain.factor % factor === 0) {
      chain = { piece: sum(scaled(chain.piece, chain.factor / factor), piece), factor };
      continue;
    }
    if (chain !== undefined) finished.push(scaled(chain.piece, chain.factor));
    chain = { piece, factor };
  }
  if (chain !== undefined) finished.push(scaled(chain.piece, chain.factor));
  return finished;
}

/** The text between the brackets; `dynamic` is a computed part, already printed. */
export function indexText(index: LoopAffine, names: Names, dynamic?: Printed): string {
  const terms = index.terms.map(({ register, factor }) => {
    if (register.type.element !== "i32" || register.type.lanes !== 1) {
      throw new Error(`internal: register "${register.name}" in an index is no i32`);
    }
    return { piece: { text: names.register(register), level: level.primary }, factor };
  });
  const positive = chains(terms.filter(({ factor }) => factor > 0));
  const negative = chains(
    terms.filter(({ factor }) => factor < 0).map(({ piece, factor }) => ({ piece, factor: -factor })),
  );
  const added = [...positive.map((piece) => piece.text)];
  if (dynamic !== undefined) added.push(enclose(dynamic, added.length === 0 ? level.sum : level.product));
  const { constant } = index;
  const leads = added.length === 0;
  if (leads || constant > 0) added.push(String(constant));
  const subtracted = negative.map((piece) => enclose(piece, level.product));
  if (!leads && constant < 0) subtracted.push(String(-constant));
  return [added.join(" + "), ...subtracted].join(" - ");
}
