/** Every ONNX operator we convert, by family. */
import type { ConverterTable } from "./converter.ts";
import { control } from "./control.ts";
import { convolution } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { gathering } from "./gathering.ts";
import { generating } from "./generating.ts";
import { integerProducts } from "./integer-products.ts";
import { linear } from "./linear.ts";
import { logic } from "./logic.ts";
import { normalization } from "./normalization.ts";
import { padding } from "./padding.ts";
import { pooling } from "./pooling.ts";
import { quantized } from "./quantized.ts";
import { rearranging } from "./rearranging.ts";
import { recurrent } from "./recurrent.ts";
import { reduction } from "./reduction.ts";
import { resizing } from "./resizing.ts";
import { shape } from "./shape.ts";

export const converters: ConverterTable = {
  ...convolution,
  ...pooling,
  ...linear,
  ...recurrent,
  ...elementwise,
  ...logic,
  ...normalization,
  ...quantized,
  ...integerProducts,
  ...reduction,
  ...shape,
  ...rearranging,
  ...padding,
  ...gathering,
  ...generating,
  ...control,
  ...resizing,
};
