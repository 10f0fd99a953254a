/**
 * TFLite files that are hostile in their offsets, their tables of tables, their shapes, buffers, quantizations and operators: each is to be
 * refused, whatever the seed.
 */
import type { Random } from "../../src/pass/random.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import * as flat from "../../test/frontends/tflite/flat-writer.ts";
import { tfliteBytes, type ModelText, type TensorText } from "../../test/frontends/tflite/models.ts";
import { extreme, magnitude, pick, size, type Hostile } from "./drawing.ts";

const x: TensorText = { name: "x", shape: [1, 4, 4, 2] };
const y: TensorText = { name: "y", shape: [1, 4, 4, 2] };
const [conv, pool, relu, add, concatenation] = [3, 17, 19, 0, 2] as const;

const model = (more: Partial<ModelText>): Uint8Array =>
  tfliteBytes({ tensors: [x, y], operators: [{ code: relu, in: [0], out: [1] }], outputs: [1], ...more });

const sound = model({});

/** The places in a sound file that lead somewhere: the root's, then those of fields followed from it. */
function distances(file: Uint8Array): readonly number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found: number[] = [0];
  const table = (position: number, depth: number): void => {
    const vtable = position - view.getInt32(position, true);
    const count = (view.getUint16(vtable, true) - 4) / 2;
    for (let field = 0; field < count; field++) {
      const at = view.getUint16(vtable + 4 + 2 * field, true);
      if (at === 0) continue;
      const place = position + at;
      const target = place + view.getUint32(place, true);
      if (target + 4 > file.length || target <= place) continue;
      found.push(place);
      const length = view.getUint32(target, true);
      if (depth === 0 || length === 0 || length > 8) continue;
      for (let i = 0; i < length; i++) {
        const slot = target + 4 + 4 * i;
        const inner = slot + view.getUint32(slot, true);
        if (inner + 4 <= file.length && inner > slot && isTable(view, inner)) table(inner, depth - 1);
      }
    }
  };
  table(view.getUint32(0, true), 2);
  return found;
}

function isTable(view: DataView, position: number): boolean {
  const vtable = position - view.getInt32(position, true);
  return vtable >= 8 && vtable < position && view.getUint16(vtable, true) >= 4;
}

const places = distances(sound);

function patched(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = sound.slice();
  change(new DataView(bytes.buffer), bytes);
  return bytes;
}

/** A distance that leads out of the file. */
const outside = (random: Random): Uint8Array =>
  patched((view, bytes) => {
    const beyond = pick(random, [
      bytes.length,
      bytes.length + random.integer(2 ** 20),
      2 ** 31 - 1,
      2 ** 31,
      2 ** 32 - 1,
    ]);
    view.setUint32(places[random.integer(Math.min(3, places.length))]!, beyond, true);
  });

/** Descriptions of tables that lie over each other, over themselves, outside, or are of no size. */
const vtables = (random: Random): Uint8Array =>
  patched((view, bytes) => {
    const root = view.getUint32(0, true);
    const vtable = root - view.getInt32(root, true);
    const kinds: readonly (() => void)[] = [
      () => {
        view.setInt32(root, pick(random, [0, 4, -4, root, -bytes.length, 2 ** 31 - 1, -(2 ** 31)]), true);
      },
      () => {
        view.setUint16(vtable, pick(random, [0, 1, 2, 3, 0xfffe, 0xffff]), true);
      },
      () => {
        view.setUint16(vtable + 2, pick(random, [0, 3, 4, 0xffff]), true);
      },
      () => {
        view.setUint16(vtable + 4 + 2 * 2, 0xffff - random.integer(1000), true);
      },
    ];
    pick(random, kinds)();
  });

/** A list whose entries are one table many times, or the list itself. */
function repeated(random: Random): Uint8Array {
  const count = 2 ** (18 + random.integer(5));
  const bytes = new Uint8Array(sound.length + 4 + 4 * count);
  bytes.set(sound);
  const view = new DataView(bytes.buffer);
  const root = view.getUint32(0, true);
  const vtable = root - view.getInt32(root, true);
  const field = root + view.getUint16(vtable + 4 + 2 * pick(random, [1, 2, 4]), true);
  const target = field + view.getUint32(field, true);
  const first = target + 4 + view.getUint32(target + 4, true);
  // Distances lead forward, so the list stands at the end and its entries at itself; or at the sound one, by wrapping around.
  const entry = pick(random, ["self", "first"]);
  view.setUint32(field, sound.length - field, true);
  view.setUint32(sound.length, count, true);
  for (let i = 0; i < count; i++) {
    const slot = sound.length + 4 + 4 * i;
    view.setUint32(slot, entry === "self" ? 0 : (first - slot) >>> 0, true);
  }
  return bytes;
}

function shapes(random: Random): Uint8Array {
  const dims = Array.from({ length: 2 + random.integer(4) }, () =>
    pick(random, [2 ** 31 - 1, 2 ** 30, 2 ** 20, 65536]),
  );
  const kinds: readonly (() => Uint8Array)[] = [
    () => model({ tensors: [{ ...x, shape: [-2 - random.integer(2 ** 30), 4] }, y] }),
    () =>
      model({
        tensors: [
          { ...x, shape: dims },
          { ...y, shape: dims },
        ],
      }),
    () => model({ tensors: [x, { ...y, shape: [1, 4, 4, 2 + size(random, 20)] }] }),
    () => model({ tensors: [{ ...x, shape: Array<number>(33 + random.integer(1000)).fill(1) }, y] }),
    () =>
      model({
        tensors: [x, y, { name: "w", shape: dims, contents: tensor("f32", [1], [1]) }],
        operators: [{ code: add, in: [0, 2], out: [1] }],
      }),
  ];
  return pick(random, kinds)();
}

/** Buffers that lie beyond the file, before it, or over each other. */
function buffers(random: Random): Uint8Array {
  const tensors = [x, y, { name: "w", shape: [1, 4, 4, 2] }];
  const fields = tensors.map(({ name, shape }, i) => ({
    0: flat.i32s(shape),
    1: flat.i8(0),
    2: flat.u32(i === 2 ? pick(random, [1, 2, 2 ** 31, 2 ** 32 - 1]) : 0),
    3: flat.text(name),
  }));
  const offset = pick(random, [2, 100, 2 ** 20, 2 ** 31, 2 ** 40, 2 ** 52]);
  return flat.flatFile("TFL3", {
    0: flat.u32(3),
    1: flat.tables([{ 0: flat.i8(add), 3: flat.i32(add) }]),
    2: flat.tables([
      {
        0: flat.tables(fields),
        1: flat.i32s([0]),
        2: flat.i32s([1]),
        3: flat.tables([{ 0: flat.u32(0), 1: flat.i32s([0, 2]), 2: flat.i32s([1]) }]),
      },
    ]),
    4: flat.tables([{}, { 1: flat.i64(offset), 2: flat.i64(Math.abs(extreme(random))) }]),
  });
}

/** Operators that read what they write, what nobody writes, or no tensor. */
function operators(random: Random): Uint8Array {
  const wrong = pick(random, [-2, -(2 ** 31), 2, 1000, 2 ** 31 - 1]);
  const chain = Array.from({ length: 2 + random.integer(50) }, (_, i): TensorText => ({
    ...x,
    name: `v${i}`,
  }));
  const kinds: readonly (() => Uint8Array)[] = [
    () => model({ operators: [{ code: relu, in: [1], out: [1] }] }),
    () => model({ operators: [{ code: relu, in: [wrong], out: [1] }] }),
    () => model({ operators: [{ code: relu, in: [0], out: [wrong] }] }),
    () =>
      model({
        operators: [
          { code: relu, in: [0], out: [1] },
          { code: relu, in: [0], out: [1] },
        ],
      }),
    () => model({ operators: [{ code: relu, in: [0], out: [0] }] }),
    () =>
      model({
        tensors: [x, y, ...chain],
        operators: [
          ...chain.map((_, i) => ({ code: relu, in: [2 + i], out: [2 + ((i + 1) % chain.length)] })),
          { code: add, in: [0, 2], out: [1] },
        ],
      }),
    () => model({ inputs: [wrong] }),
    () => model({ inputs: [0, 0] }),
    () => model({ outputs: [wrong] }),
    () => model({ outputs: [] }),
    () => model({ operators: [] }),
    () => model({ operators: [{ code: relu, in: [], out: [1] }] }),
    () => model({ operators: [{ code: add, in: [0, -1], out: [1] }] }),
    () =>
      model({
        operators: [
          { code: pick(random, [210 + random.integer(2 ** 20), 2 ** 31 - 1, 32]), in: [0], out: [1] },
        ],
      }),
    () => model({ version: pick(random, [0, 1, 2, 4, 2 ** 31, 2 ** 32 - 1]) }),
  ];
  return pick(random, kinds)();
}

/** Steps, windows and axes that no tensor has. */
function options(random: Random): Uint8Array {
  const wrong = pick(random, [0, -1, -(2 ** 31)]);
  const weight: TensorText = { name: "w", shape: [2, 3, 3, 2], contents: tensor("f32", [2, 3, 3, 2]) };
  const windows = { 0: flat.i8(pick(random, [0, 1])), 1: flat.i32(wrong), 2: flat.i32(1) };
  const kinds: readonly (() => Uint8Array)[] = [
    () =>
      model({ tensors: [x, y, weight], operators: [{ code: conv, in: [0, 2], out: [1], options: windows }] }),
    () =>
      model({
        tensors: [x, y, weight],
        operators: [
          {
            code: conv,
            in: [0, 2],
            out: [1],
            options: { 0: flat.i8(2 + random.integer(100)), 1: flat.i32(1), 2: flat.i32(1) },
          },
        ],
      }),
    () =>
      model({
        tensors: [x, y, weight],
        operators: [
          {
            code: conv,
            in: [0, 2],
            out: [1],
            options: {
              0: flat.i8(1),
              1: flat.i32(1),
              2: flat.i32(1),
              4: flat.i32(magnitude(random, 3, 30)),
              5: flat.i32(1),
            },
          },
        ],
      }),
    () =>
      model({
        operators: [
          { code: pool, in: [0], out: [1], options: { ...windows, 3: flat.i32(2), 4: flat.i32(2) } },
        ],
      }),
    () =>
      model({
        operators: [
          {
            code: pool,
            in: [0],
            out: [1],
            options: {
              0: flat.i8(1),
              1: flat.i32(1),
              2: flat.i32(1),
              3: flat.i32(pick(random, [wrong, magnitude(random, 3, 30)])),
              4: flat.i32(2),
            },
          },
        ],
      }),
    () =>
      model({
        operators: [
          {
            code: concatenation,
            in: [0, 0],
            out: [1],
            options: { 0: flat.i32(pick(random, [-5, 4, 2 ** 31 - 1, -(2 ** 31)])) },
          },
        ],
      }),
    () =>
      model({
        tensors: [x, y, { ...weight, shape: [2, 3, 3, 1], contents: tensor("f32", [2, 3, 3, 1]) }],
        operators: [
          { code: conv, in: [0, 2], out: [1], options: { 0: flat.i8(0), 1: flat.i32(2), 2: flat.i32(1) } },
        ],
      }),
  ];
  return pick(random, kinds)();
}

/** Scales and zero points that stand for nothing. */
function quantization(random: Random): Uint8Array {
  const scale = pick(random, [NaN, 0, -1, Infinity, -0.5]);
  const stored = (more: Partial<TensorText>): TensorText[] => [
    { ...x, type: 9, scale: [0.5], zero: [0], ...more },
    { ...y, type: 9, scale: [0.5], zero: [0] },
  ];
  const many = Array.from({ length: 3 + random.integer(50) }, () => 0.5);
  const kinds: readonly (() => Uint8Array)[] = [
    () => model({ tensors: stored({ scale: [scale] }) }),
    () => model({ tensors: stored({ scale: many, zero: many.map(() => 0), axis: 3 }) }),
    () =>
      model({
        tensors: stored({ scale: [0.5, 0.5], zero: [0, 0], axis: pick(random, [-1, 4, 2 ** 31 - 1]) }),
      }),
    () => model({ tensors: stored({ zero: [pick(random, [128, -129, 2 ** 31, -(2 ** 40)])] }) }),
    () => model({ tensors: [{ ...x, type: pick(random, [5, 8, 11, 18 + random.integer(100)]) }, y] }),
  ];
  return pick(random, kinds)();
}

export const hostileTflite: Hostile = {
  outside,
  vtables,
  repeated,
  shapes,
  buffers,
  operators,
  options,
  quantization,
};
