import { expect, test } from "vitest";
import { toReal, toStored } from "../../src/driver/boundary.ts";
import { perTensor, tensorType } from "../../src/ir/types.ts";
import { tensor } from "../../src/tensor/tensor.ts";

test("every stored integer comes back from its real", () => {
  for (const [scale, zero] of [
    [0.5847029089927673, 83],
    [1 / 255, -128],
    [1e-30, 0],
  ] as const) {
    const type = tensorType("i8", [256], perTensor(Math.fround(scale), zero));
    const all = tensor(
      "i8",
      [256],
      Array.from({ length: 256 }, (_, i) => i - 128),
    );
    expect(toStored(toReal(all, type), type)).toEqual(all);
  }
});

test("halves go away from zero, what is beyond saturates", () => {
  const type = tensorType("i8", [5], perTensor(1, 10));
  expect(toStored(tensor("f32", [5], [0.5, -0.5, 0.49, 1e9, -1e9]), type).data).toEqual(
    Int8Array.of(11, 9, 10, 127, -128),
  );
});

test("scales by channel", () => {
  const type = tensorType("i8", [2, 2], { scale: [1, 10], zero: [0, 1], axis: 1 });
  expect(toReal(tensor("i8", [2, 2], [1, 1, 2, 2]), type).data).toEqual(Float32Array.of(1, 0, 2, 10));
});

test("reals pass, integers without quantization are themselves", () => {
  const reals = tensor("f32", [1, 2], [1.5, 2]);
  expect(toStored(reals, tensorType("f32", [2]))).toEqual(tensor("f32", [2], [1.5, 2]));
  expect(toStored(reals, tensorType("i64", [2])).data).toEqual(BigInt64Array.of(2n, 2n));
});
