/**
 * The header of an npy file is a Python dictionary literal with exactly three keys, in any order:
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *
 * This is a reader for that and no more of Python.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import { largestRank } from "./bytes.ts";

export interface NpyDictionary {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** @throws DiagnosticError when the text is anything else, or a size is negative or beyond 2^53 */
export function parseNpyDictionary(text: string, subject: string): NpyDictionary {
  const entries = new Map<string, string>();
  let rest = text.trimEnd();
  const take = (pattern: RegExp, expected: string): string => {
    const match = pattern.exec(rest);
    if (match === null) {
      const found = rest === "" ? "the end" : `'${rest.slice(0, 40)}'`;
      fail("npy-header", `the npy header has ${found} where ${expected} is expected`, { subject });
    }
    rest = rest.slice(match[0].length);
    return match[1] ?? "";
  };

  take(/^\s*\{\s*/, "'{'");
  while (!rest.startsWith("}")) {
    const key = take(/^'([a-z_]*)'\s*:\s*/, "a key");
    if (entries.has(key)) fail("npy-header", `the npy header has the key '${key}' twice`, { subject });
    const value =
      key === "descr" && rest.startsWith("[")
        ? fail("npy-type", "the elements are records, expected plain numbers", {
            subject,
            help: "save one field",
          })
        : take(/^('[^']*'|"[^"]*"|True|False|\([-0-9,\sL]*\))\s*/, "a string, a bool or a shape");
    entries.set(key, value);
    if (!rest.startsWith("}")) take(/^,\s*/, "',' or '}'");
  }
  take(/^\}$/, "the end");

  const descr = entries.get("descr");
  const order = entries.get("fortran_order");
  const shape = entries.get("shape");
  if (descr === undefined || order === undefined || shape === undefined || entries.size !== 3) {
    const keys = [...entries.keys()].join(", ");
    fail("npy-header", `the npy header has the keys (${keys}), expected descr, fortran_order, shape`, {
      subject,
    });
  }
  if (!/^['"].+['"]$/.test(descr) || !/^(True|False)$/.test(order) || !shape.startsWith("(")) {
    fail("npy-header", "the npy header has a value of the wrong kind", { subject });
  }
  return { descr: descr.slice(1, -1), fortranOrder: order === "True", shape: sizesOf(shape, subject) };
}

/** `()`, `(3,)`, `(3, 4)`; Python 2 wrote `(3L, 4L)`. */
function sizesOf(text: string, subject: string): number[] {
  const parts = text.slice(1, -1).split(",");
  if (parts.at(-1)?.trim() === "") parts.pop();
  if (parts.length > largestRank) {
    fail("npy-shape", `${parts.length} axes, expected at most ${largestRank}`, { subject });
  }
  return parts.map((part) => {
    const size = part.trim().replace(/L$/, "");
    if (!/^[0-9]+$/.test(size) || !Number.isSafeInteger(Number(size))) {
      fail("npy-shape", `the shape ${text} has the size '${size}', expected a count`, { subject });
    }
    return Number(size);
  });
}
