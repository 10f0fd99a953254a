/**
 * Turns a TensorProto into our Tensor, whichever of its seven fields holds the numbers.
 *
 * The element count is the product of the dimensions and must equal what the data hold; it is compared before
 * anything is allocated, so that a lie about dimensions costs nothing. `raw_data` is a view at an arbitrary offset
 * of the file: it is copied, which also aligns it and lets go of the file. Bytes are little-endian, as ONNX says
 * and every host of a JavaScript engine is. float16 and bfloat16 widen exactly to f32.
 *
 * Data outside the file are refused and their path is never looked at. Element types that we do not represent give
 * an opaque constant, so that only its use is an error.
 */
import type { onnx as Proto } from "onnx-proto";
import { fail } from "../../diagnostics/diagnostic.ts";
import { isBigInteger, isInteger } from "../../tensor/element-type.ts";
import type { ElementType } from "../../tensor/element-type.ts";
import { allocate, tensor } from "../../tensor/tensor.ts";
import type { TensorData } from "../../tensor/tensor.ts";
import type { OnnxConstant } from "./model.ts";
import { toNumbers } from "./exact-reader.ts";

type NumberList = "floatData" | "doubleData" | "int32Data" | "int64Data" | "uint64Data";

/** The exact reader gives numbers and bigints where onnx-proto's types say `number | Long`. */
type TypedList = readonly (number | bigint)[];

const damagedHelp = "the file is damaged or was written by a faulty exporter: export it again";

interface Storage {
  readonly name: string;
  readonly element?: ElementType;
  readonly bytes: number;
  readonly list: NumberList;
}

/** TensorProto.DataType; those without `element` decode to an opaque constant. */
const storages: readonly Storage[] = [
  { name: "undefined", bytes: 0, list: "int32Data" },
  { name: "float", element: "f32", bytes: 4, list: "floatData" },
  { name: "uint8", element: "u8", bytes: 1, list: "int32Data" },
  { name: "int8", element: "i8", bytes: 1, list: "int32Data" },
  { name: "uint16", element: "u16", bytes: 2, list: "int32Data" },
  { name: "int16", element: "i16", bytes: 2, list: "int32Data" },
  { name: "int32", element: "i32", bytes: 4, list: "int32Data" },
  { name: "int64", element: "i64", bytes: 8, list: "int64Data" },
  { name: "string", bytes: 0, list: "int32Data" },
  { name: "bool", element: "bool", bytes: 1, list: "int32Data" },
  { name: "float16", element: "f32", bytes: 2, list: "int32Data" },
  { name: "double", element: "f64", bytes: 8, list: "doubleData" },
  { name: "uint32", element: "u32", bytes: 4, list: "uint64Data" },
  { name: "uint64", element: "u64", bytes: 8, list: "uint64Data" },
  { name: "complex64", bytes: 8, list: "floatData" },
  { name: "complex128", bytes: 16, list: "doubleData" },
  { name: "bfloat16", element: "f32", bytes: 2, list: "int32Data" },
];

/** Names of the types that are newer than the decoder's schema, from 17 on. */
const newerNames =
  "float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2".split(
    " ",
  );

/** ONNX's name of an element type's number. */
export function elementTypeName(dataType: number): string {
  return storages[dataType]?.name ?? newerNames[dataType - storages.length] ?? `element type ${dataType}`;
}

/** The element type that values of ONNX's type have here: float16 and bfloat16 become f32. */
export function elementTypeOf(dataType: number): ElementType | undefined {
  return storages[dataType]?.element;
}

/** TensorProto.DataLocation.EXTERNAL */
const external = 1;

const maxElements = 2 ** 31 - 1;

/** The dimensions as numbers; `owner` names the tensor in diagnostics (`initializer "w"`). */
export function decodeDims(dims: readonly unknown[], owner: string): number[] {
  const shape = toNumbers(dims).map(Number);
  const text = `[${shape.join(", ")}]`;
  const help = damagedHelp;
  if (shape.some((extent) => extent < 0)) {
    fail("onnx-tensor-shape", `${owner} has a negative dimension: ${text}`, { subject: owner, help });
  }
  let elements = 1;
  for (const extent of shape) elements *= Math.max(extent, 1);
  if (elements > maxElements) {
    fail("onnx-tensor-shape", `${owner} of shape ${text} has more than ${maxElements} elements`, {
      subject: owner,
      help,
    });
  }
  return shape;
}

/** Widens IEEE binary16 bits to the number they stand for; exact. */
export function float16ToNumber(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

function widen(halves: ArrayLike<number>, name: string): Float32Array {
  if (name === "float16") return Float32Array.from(halves, float16ToNumber);
  const widened = Uint32Array.from(halves, (bits) => (bits & 0xffff) << 16);
  return new Float32Array(widened.buffer);
}

function fromRaw(raw: Uint8Array, storage: Storage, element: ElementType): TensorData {
  const halves = storage.name.endsWith("float16");
  const values = allocate(halves ? "u16" : element, raw.length / storage.bytes);
  new Uint8Array(values.buffer).set(raw);
  return halves ? widen(values as Uint16Array, storage.name) : values;
}

/** From a typed list: a number that the element type does not hold is an error, not a wrap-around. */
function fromList(list: TypedList, storage: Storage, element: ElementType, owner: string): TensorData {
  if (storage.name.endsWith("float16")) return widen(list as readonly number[], storage.name);
  const values = allocate(element, list.length);
  const big = isBigInteger(element);
  for (let index = 0; index < list.length; index++) {
    const value = big ? BigInt(list[index]!) : Number(list[index]!);
    values[index] = element === "bool" ? Number(value !== 0) : value;
    if (isInteger(element) && values[index] !== value) {
      fail(
        "onnx-tensor-data",
        `${owner} holds ${String(value)} at index ${index}, which ${storage.name} does not`,
        {
          subject: owner,
          help: damagedHelp,
        },
      );
    }
  }
  return values;
}

/**
 * Decodes one tensor; `owner` names it in diagnostics (`initializer "w"`).
 * @throws DiagnosticError onnx-external-data, onnx-tensor-shape, onnx-tensor-data
 */
export function decodeTensor(proto: Proto.ITensorProto, owner: string): OnnxConstant {
  const dataType = proto.dataType ?? 0;
  const storage = storages[dataType];
  const location: number = proto.dataLocation ?? 0;
  if (location === external || (proto.externalData?.length ?? 0) > 0) {
    fail("onnx-external-data", `${owner} keeps its data outside the ONNX file`, {
      subject: owner,
      help: "save the model in one file: onnx.save_model(model, path, save_as_external_data=False)",
    });
  }
  const shape = decodeDims(proto.dims ?? [], owner);
  if (storage?.element === undefined) return { opaque: elementTypeName(dataType), shape };
  if (proto.segment) return { opaque: "segmented", shape };

  const elements = shape.reduce((product, extent) => product * extent, 1);
  const raw = proto.rawData ?? new Uint8Array(0);
  const list = (proto[storage.list] ?? []) as TypedList;
  const found = raw.length > 0 ? raw.length / storage.bytes : list.length;
  if (found !== elements) {
    const held = raw.length > 0 ? `${raw.length} bytes` : `${list.length} numbers`;
    const wanted = raw.length > 0 ? `${elements * storage.bytes} bytes` : `${elements}`;
    fail(
      "onnx-tensor-data",
      `${owner} holds ${held}, expected ${wanted} for ${storage.name}[${shape.join(", ")}]`,
      {
        subject: owner,
        help: damagedHelp,
      },
    );
  }
  const values =
    raw.length > 0 ? fromRaw(raw, storage, storage.element) : fromList(list, storage, storage.element, owner);
  return tensor(storage.element, shape, values);
}
