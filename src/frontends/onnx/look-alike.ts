/**
 * Says what a file that is not ONNX looks like, so that the usual mistakes (a web page saved instead of a model, a
 * Git LFS pointer, the TFLite next to it) are named instead of "truncated varint".
 *
 * ONNX has no magic number; this only recognises others. It errs on the silent side: `undefined` is "cannot tell".
 */

interface Signature {
  readonly offset: number;
  readonly bytes: readonly number[] | string;
  readonly what: string;
}

const signatures: readonly Signature[] = [
  { offset: 4, bytes: "TFL3", what: "a TensorFlow Lite model" },
  { offset: 4, bytes: "ORTM", what: "an ONNX Runtime .ort file" },
  {
    offset: 0,
    bytes: "version https://git-lfs",
    what: "a Git LFS pointer: the model itself was not downloaded",
  },
  { offset: 0, bytes: "PK\x03\x04", what: "a zip archive (PyTorch .pt, Keras .keras and .npz are such)" },
  { offset: 0, bytes: [0x89, 0x48, 0x44, 0x46], what: "an HDF5 file (Keras .h5 is such)" },
  { offset: 0, bytes: [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], what: "a NumPy .npy array" },
  { offset: 0, bytes: [0x1f, 0x8b, 0x08], what: "a gzip archive: unpack it first" },
  { offset: 0, bytes: [0x00, 0x61, 0x73, 0x6d], what: "a WebAssembly module" },
  { offset: 0, bytes: [0x7f, 0x45, 0x4c, 0x46], what: "an ELF executable or object" },
  { offset: 0, bytes: [0x80, 0x02, 0x8a], what: "a Python pickle (an old PyTorch checkpoint)" },
  { offset: 0, bytes: [0x89, 0x50, 0x4e, 0x47], what: "a PNG image" },
  { offset: 0, bytes: [0xff, 0xd8, 0xff], what: "a JPEG image" },
  { offset: 8, bytes: '{"', what: "a safetensors file" },
];

const sampleBytes = 256;

function matches(bytes: Uint8Array, { offset, bytes: wanted }: Signature): boolean {
  for (let index = 0; index < wanted.length; index++) {
    const want = typeof wanted === "string" ? wanted.charCodeAt(index) : wanted[index];
    if (bytes[offset + index] !== want) return false;
  }
  return true;
}

/** Printable ASCII of the first bytes, or `undefined` if any other byte is among them. */
function leadingText(bytes: Uint8Array): string | undefined {
  let text = "";
  for (const byte of bytes.subarray(0, sampleBytes)) {
    const printable = (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d;
    if (!printable) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** What these bytes look like ("a zip archive …"), or `undefined` when they could be ONNX for all one can see. */
export function lookAlike(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "an empty file";
  const signature = signatures.find((candidate) => matches(bytes, candidate));
  if (signature !== undefined) return signature.what;
  const text = leadingText(bytes)?.trimStart().toLowerCase();
  if (text === undefined) return undefined;
  if (text.startsWith("<!doctype html") || text.startsWith("<html"))
    return "a web page: was the link to the raw file?";
  if (text.startsWith("<?xml")) return "an XML file";
  if (text.startsWith("graph @") || text.startsWith("//")) return "a .qir text";
  if (text.startsWith("{") || text.startsWith("[")) return "a JSON text";
  return "a text file";
}
