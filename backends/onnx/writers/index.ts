/** Every row, by the operator it writes. */
import type { OpDefinition } from "../../../src/ir/operation.ts";
import { elementwise } from "./elementwise.ts";
import { linear } from "./linear.ts";
import { normalization } from "./normalization.ts";
import { quantization } from "./quantization.ts";
import { reduction } from "./reduction.ts";
import { shape } from "./shape.ts";
import type { Row } from "./writer.ts";

export const writers: ReadonlyMap<OpDefinition, Row> = new Map(
  [...quantization, ...linear, ...normalization, ...elementwise, ...reduction, ...shape].map((row) => [
    row.definition,
    row,
  ]),
);
