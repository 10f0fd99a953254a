/** The network's boundary: the caller's reals as stored integers, and back. Real tensors pass as they are. */
import { elementRange, isBigInteger, isFloat } from "../tensor/element-type.ts";
import { dequantizeValue, quantizeValue } from "../numerics/affine.ts";
import { roundHalfAwayFromZero } from "../numerics/round.ts";
import { sliceQuantization, type TensorType } from "../ir/types.ts";
import { numbersOf, stridesOf, tensor, type Tensor } from "../tensor/tensor.ts";

/** A real sample in the type an input wants: halves away from zero, clamped. An integer without quantization is rounded. */
export function toStored(real: Tensor, type: TensorType): Tensor {
  if (isFloat(type.element)) return tensor(type.element, type.shape, real.data);
  if (isBigInteger(type.element))
    return tensor(
      type.element,
      type.shape,
      Array.from(numbersOf(real), (x) => BigInt(roundHalfAwayFromZero(x))),
    );
  const { min, max } = elementRange(type.element);
  const at = sliceAt(type);
  const stored = Array.from(numbersOf(real), (x, i) => {
    const { scale, zero } = at(i);
    return quantizeValue(x, scale, zero, min, max);
  });
  return tensor(type.element, type.shape, stored);
}

/** What stored integers stand for, as f32. */
export function toReal(stored: Tensor, type: TensorType): Tensor {
  if (isFloat(type.element)) return stored;
  const at = sliceAt(type);
  const reals = Float32Array.from(numbersOf(stored), (q, i) => {
    const { scale, zero } = at(i);
    return dequantizeValue(q, scale, zero);
  });
  return tensor("f32", stored.shape, reals);
}

function sliceAt({ shape, quantization }: TensorType): (index: number) => { scale: number; zero: number } {
  if (quantization === undefined) return () => ({ scale: 1, zero: 0 });
  const { axis } = quantization;
  if (axis === undefined) {
    const whole = sliceQuantization(quantization, 0);
    return () => whole;
  }
  const stride = stridesOf(shape)[axis]!;
  return (index) => sliceQuantization(quantization, Math.floor(index / stride) % shape[axis]!);
}
