/** A serialized TensorProto by itself, as ONNX's own test data holds it: `input_0.pb`. */
import onnxProto from "onnx-proto";
import { fail } from "../../diagnostics/diagnostic.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { decodeTensor } from "./decode-tensor.ts";
import { exactReader } from "./exact-reader.ts";
import { isOpaque } from "./model.ts";

/**
 * @throws DiagnosticError onnx-malformed when the bytes are no message, onnx-unsupported-element for elements that we do not
 *   represent, and those of `decodeTensor`
 */
export function decodeTensorFile(bytes: Uint8Array, file: string): Tensor {
  const constant = decodeTensor(protoOf(bytes, file), file);
  if (isOpaque(constant))
    return fail("onnx-unsupported-element", `${file} holds ${constant.opaque}, which is not supported`, {
      subject: file,
    });
  return constant;
}

function protoOf(bytes: Uint8Array, file: string): onnxProto.onnx.TensorProto {
  try {
    return onnxProto.onnx.TensorProto.decode(exactReader(bytes));
  } catch {
    return fail("onnx-malformed", `${file} holds no tensor`, { subject: file });
  }
}
