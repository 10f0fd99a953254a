/** Every ONNX operator we convert, by family. */
import type { ConverterTable } from "./converter.ts";
import { convolution } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { linear } from "./linear.ts";
import { normalization } from "./normalization.ts";
import { pooling } from "./pooling.ts";
import { quantized } from "./quantized.ts";
import { reduction } from "./reduction.ts";
import { shape } from "./shape.ts";

export const converters: ConverterTable = {
  ...convolution,
  ...pooling,
  ...linear,
  ...elementwise,
  ...normalization,
  ...quantized,
  ...reduction,
  ...shape,
};
