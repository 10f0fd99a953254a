import { expect, test } from "vitest";
import * as l from "../../src/loops/build.ts";
import {
  f32Type,
  i32Type,
  i64Type,
  vector,
  type Buffer,
  type LoopExpression,
  type LoopProgram,
} from "../../src/loops/loop.ts";
import { printLoopAffine, printLoopExpression, printProcedure, printProgram } from "../../src/loops/print.ts";

const buffer = (name: string, element: Buffer["element"], role: Buffer["role"] = "scratch"): Buffer => ({
  name,
  element,
  count: 64,
  slackBytes: role === "scratch" ? 16 : 0,
  alignBytes: 16,
  role,
});
const i16x8 = vector("i16", 8);
const i32x4 = vector("i32", 4);
const [y, p, acc] = [l.register("y"), l.register("p3"), l.register("acc0", i32x4)];
const x = l.register("x0", i16x8);
const w = buffer("w", "i8");
const out = buffer("out", "i8", "output");
const at = (constant: number, factor = 1) => l.loopAffine(constant, [{ register: p, factor }]);

test("a procedure", () => {
  const inner = [
    l.set(acc, l.dot(l.read(acc), l.read(x), l.load(i16x8, l.address(w, at(8))))),
    l.set(x, l.load(i16x8, l.address(w, at(0, 4)), 2)),
    l.set(p, l.add(l.read(p), l.i32(16))),
  ];
  const body = [
    l.comment("pixels"),
    l.loop(y, 0, 25, 1, inner),
    l.loop(y, l.read(p), l.i32(8), 2, [l.fence(acc)]),
    l.store(l.address(out, at(0)), l.read(acc), 3),
    l.store(l.address(out, 1), l.load(i32Type, l.address(w, at(-1), l.read(y)))),
  ];
  expect(printProcedure({ name: "conv", doc: "conv2d + requantize", body })).toBe(`// conv2d + requantize
procedure conv {
  // pixels
  for y < 25 {
    acc0 = dot(acc0, x0, load.i16x8 w[p3 + 8])
    x0 = load.i16x8.splat2 w[4*p3]
    p3 = p3 + 16
  }
  for y = p3, y < 8 step 2 {
    fence acc0
  }
  out[p3] = acc0 (3 lanes)
  out[1] = w[p3 - 1 + y]
}`);
});

test.each<[LoopExpression, string]>([
  [l.sub(l.read(y), l.sub(l.read(p), l.i32(1))), "y - (p3 - 1)"],
  [l.shr(l.add(l.read(y), l.i32(5)), l.i32(2)), "y + 5 >> 2"],
  [l.mul(l.add(l.read(y), l.i32(5)), l.read(p)), "(y + 5) * p3"],
  [
    l.clamp(l.read(acc), l.constant(i32x4, -128), l.constant(i32x4, 127)),
    "clamp(acc0, i32x4(-128), i32x4(127))",
  ],
  [l.select(l.compare("lt", l.read(y), l.i32(3)), l.f32(0.1), l.f32(1)), "select(y < 3, 0.1, 1.0)"],
  [
    l.narrow(l.read(acc), l.zip(1, l.read(acc), l.mulhi(l.read(acc), l.read(acc)))),
    "narrow(acc0, zip.1(acc0, mulhi(acc0, acc0)))",
  ],
  [
    l.shru(
      l.addsatu(
        l.narrowUnsigned(l.read(acc), l.read(acc)),
        l.constant(l.narrow(l.read(acc), l.read(acc)).type, 128),
      ),
      l.i32(8),
    ),
    "addsatu(narrow.u(acc0, acc0), i16x8(128)) >>> 8",
  ],
  [l.widen(0, l.read(x)), "widen.0(x0)"],
  [l.extract(3, l.read(x)), "x0.3"],
  [l.convert(i64Type, l.unary("neg", l.read(y))), "i64(-y)"],
  [l.splat(i16x8, l.read(y)), "splat.i16x8(y)"],
  [l.build(vector("f32", 2), [l.f32(1), l.convert(f32Type, l.read(y))]), "build.f32x2(1.0, f32(y))"],
  [l.add(l.i64(3), l.load(i64Type, l.address(w, 2))), "i64(3) + load.i64 w[2]"],
])("%#: %s", (expression, text) => {
  expect(printLoopExpression(expression)).toBe(text);
});

test("constants fold as they are built", () => {
  expect(printLoopExpression(l.add(l.mul(l.read(y), l.i32(1)), l.i32(0)))).toBe("y");
  expect(printLoopExpression(l.add(l.i32(2147483647), l.i32(1)))).toBe("-2147483648");
  expect(
    printLoopExpression(
      l.affineValue(
        l.loopAffine(-3, [
          { register: y, factor: 2 },
          { register: p, factor: 1 },
        ]),
      ),
    ),
  ).toBe("y * 2 + p3 - 3");
  expect(printLoopExpression(l.affineValue(l.loopAffine(7)))).toBe("7");
  expect(printLoopAffine(l.addLoopAffine(at(3), l.scaleLoopAffine(at(1), -1)))).toBe("2");
  expect(printLoopAffine(l.address(w, at(1), l.i32(4)).index)).toBe("p3 + 5");
});

test("a program lists its buffers and tensors", () => {
  const x0 = buffer("x", "i16", "input");
  const program: LoopProgram = {
    name: "net",
    procedures: [{ name: "p", doc: "", body: [] }],
    buffers: [x0, w],
    offsetsBytes: new Map([
      [x0, 0],
      [w, 128],
    ]),
    arenaBytes: 208,
    arenaLowerBoundBytes: 208,
    tensors: [],
    inputs: [{ tensor: "x", element: "i8", buffer: x0, shape: [2, 3], strides: [3, 1], start: 4, bias: -3 }],
    outputs: [],
  };
  expect(printProgram(program)).toBe(`program net, arena 208 bytes
input x: i16[64] at 0, 128 bytes, align 16
scratch w: i8[64] at 128, 80 bytes, align 16, slack 16
input x: i8[2, 3] in x from 4 by [3, 1], bias -3

procedure p {
}`);
});
