/** Every TFLite operator we convert, by family. */
import type { ConverterTable } from "./converter.ts";
import { elementwise } from "./elementwise.ts";
import { shape } from "./shape.ts";
import { windows } from "./windows.ts";

export const converters: ConverterTable = { ...windows, ...elementwise, ...shape };
