import fc from "fast-check";
import onnxProto from "onnx-proto";
import { describe, expect, test } from "vitest";
import { checkOnnxModel } from "../../../src/frontends/onnx/check.ts";
import { decodeOnnx } from "../../../src/frontends/onnx/decode.ts";
import { exactReader } from "../../../src/frontends/onnx/exact-reader.ts";
import { guardOnnxBytes } from "../../../src/frontends/onnx/wire-guard.ts";
import { codesOf, diagnosticsOf } from "./diagnostics-of.ts";
import * as wire from "./wire-writer.ts";

const load = (bytes: Uint8Array): unknown => checkOnnxModel(decodeOnnx(bytes));

const guarded = (bytes: Uint8Array): string =>
  codesOf(() => {
    guardOnnxBytes(bytes);
  });

/** What the guard is for: bytes that pass it never make the decoder throw. */
function expectProved(bytes: Uint8Array): void {
  if (guarded(bytes) === "") onnxProto.onnx.ModelProto.decode(exactReader(bytes));
}

/** The header of a message whose payload has the given length. */
const header = (number: number, length: number): number[] => [...wire.tag(number, 2), ...wire.varint(length)];

/** `depth` subgraphs, one in the attribute of the other's node, in linear time: headers from the inside out. */
function nestedSubgraphs(depth: number): Uint8Array {
  const headers: number[][] = [];
  let length = 0;
  for (let level = 0; level < depth; level++) {
    for (const number of [6, 5, 1]) {
      const bytes = header(number, length);
      headers.push(bytes);
      length += bytes.length;
    }
  }
  return wire.message([...wire.int(1, 8), ...header(7, length), ...headers.reverse().flat()]);
}

function emptyNodes(count: number): Uint8Array {
  const nodes = new Uint8Array(2 * count);
  for (let index = 0; index < nodes.length; index += 2) nodes[index] = 0x0a;
  return wire.message(wire.int(1, 8), wire.bytes(7, nodes));
}

/** The codes, and that they came in under a second (in fact some milliseconds). */
function codesInTime(bytes: Uint8Array): string {
  const start = performance.now();
  const codes = codesOf(() => decodeOnnx(bytes));
  expect(performance.now() - start).toBeLessThan(1000);
  return codes;
}

describe("hostile files are refused in under a second", () => {
  test("100,000 nested subgraphs", () => {
    expect(codesInTime(nestedSubgraphs(100_000))).toBe("onnx-too-deep");
  });

  test("20 MB of empty nodes", () => {
    expect(codesInTime(emptyNodes(10_000_000))).toBe("onnx-too-many-nodes");
  });

  test("a million dimensions, a long string", () => {
    const dims = wire.bytes(5, wire.bytes(1, new Uint8Array(1e6)));
    expect(codesInTime(wire.message(wire.int(1, 8), wire.bytes(7, dims)))).toBe("onnx-too-many-dimensions");
    expect(codesInTime(wire.model(wire.bytes(2, new Uint8Array(17 * 2 ** 20))))).toBe("onnx-string-too-long");
  });
});

test("numbers of one byte each, and fields nobody knows", () => {
  const numbers = wire.bytes(5, wire.bytes(7, new Uint8Array(2 ** 24 + 1)));
  const list = wire.message(wire.int(1, 8), wire.bytes(7, numbers));
  expect(codesOf(() => decodeOnnx(list))).toBe("onnx-too-many-list-elements");
  const unknown = new Uint8Array(2 * 10_000_000).map((_, index) => (index % 2 === 0 ? 0x78 : 0));
  expect(codesOf(() => decodeOnnx(wire.message(wire.int(1, 8), unknown)))).toBe("onnx-too-many-fields");
});

test("nesting up to the limit passes, one more does not", () => {
  const guard = (depth: number) =>
    codesOf(() => {
      guardOnnxBytes(nestedSubgraphs(21), { depth });
    });
  expect(guard(64)).toBe("");
  expect(guard(63)).toBe("onnx-too-deep");
});

test("each limit counts exactly", () => {
  const guard = (limits: object) =>
    codesOf(() => {
      guardOnnxBytes(wire.smallModel(), limits);
    });
  // nodes 2, attributes 1, tensors 1; numbers: dims 1, ints 2
  expect(guard({ nodes: 2, attributes: 1, tensors: 1, listElements: 3, dimensions: 2 })).toBe("");
  expect(guard({ nodes: 1 })).toBe("onnx-too-many-nodes");
  expect(guard({ attributes: 0 })).toBe("onnx-too-many-attributes");
  expect(guard({ tensors: 0 })).toBe("onnx-too-many-tensors");
  expect(guard({ listElements: 2 })).toBe("onnx-too-many-list-elements");
  expect(guard({ dimensions: 1 })).toBe("onnx-too-many-dimensions");
  expect(guard({ messages: 3 })).toBe("onnx-too-many-messages");
  expect(guard({ totalBytes: wire.smallModel().length - 1 })).toBe("onnx-too-large");
});

describe("malformed fields", () => {
  const inGraph = (...parts: wire.Part[]) =>
    wire.message(wire.int(1, 8), wire.bytes(7, wire.message(...parts)));
  const cases: Record<string, Uint8Array> = {
    // What follows the graph would be a fine end of the node.
    "a child that passes its parent": wire.message(inGraph([0x0a, 4, 0x1a, 0]), [0x22, 0]),
    "a group": inGraph([0x0b, 0x0c]),
    "an unknown group": inGraph(wire.tag(30, 3), wire.tag(30, 4)),
    "wire type 6": inGraph([0x0e]),
    "field number 0": inGraph([0x00, 0x00]),
    "a varint of 11 bytes": inGraph(wire.tag(20, 0), new Array<number>(10).fill(0x80), [0]),
    "a length of 6 bytes": inGraph(wire.tag(1, 2), [0x80, 0x80, 0x80, 0x80, 0x80, 0]),
    "an int32 of 6 bytes": inGraph(wire.bytes(5, [0x10, 0x81, 0x80, 0x80, 0x80, 0x80, 0])),
    "a node as a varint": inGraph(wire.int(1, 3)),
    "a name as a varint": inGraph(wire.int(2, 3)),
    "packed floats of 6 bytes": inGraph(wire.bytes(5, wire.bytes(4, new Uint8Array(6)))),
    "a second graph": wire.message(wire.smallModel(), wire.bytes(7, [])),
  };
  test.each(Object.entries(cases))("%s", (_, bytes) => {
    // The guard itself: decodeOnnx would also turn a failing decoder into this code.
    expect(guarded(bytes)).toBe("onnx-malformed");
  });

  test("the message names the offset and the path", () => {
    const bad = wire.node("Add", [], [], wire.attribute("t", 4, wire.bytes(5, [0x0b])));
    const bytes = wire.model(wire.graphNode(wire.node("Add", [], [])), wire.graphNode(bad));
    const [problem] = diagnosticsOf(() => decodeOnnx(bytes));
    expect(problem?.message).toBe(
      `malformed ONNX file: a group, which ONNX does not use, at byte ${bytes.indexOf(0x0b)} in 'graph.node[1].attribute[0].t'`,
    );
    expect(problem?.help).toBeDefined();
  });
});

test("what newer ONNX adds is skipped", () => {
  const bytes = wire.message(wire.smallModel(), wire.text(26, "configuration"), wire.int(99, 1));
  expect(decodeOnnx(bytes)).toEqual(decodeOnnx(wire.smallModel()));
});

describe("files that are not ONNX", () => {
  const ascii = (text: string) => new TextEncoder().encode(text);
  test.each([
    ["an empty file", new Uint8Array(0)],
    ["a web page", ascii("<!DOCTYPE html>\n<html><body>404</body></html>")],
    ["a Git LFS pointer", ascii("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")],
    ["a zip archive", Uint8Array.from([0x50, 0x4b, 3, 4, 20, 0, 0, 0])],
    ["a TensorFlow Lite model", Uint8Array.from([0x1c, 0, 0, 0, 0x54, 0x46, 0x4c, 0x33, 20, 0])],
    ["a text file", ascii("hello, world")],
    ["a JSON text", ascii('{"a": 1}')],
  ])("%s", (what, bytes) => {
    const [problem] = diagnosticsOf(() => decodeOnnx(bytes));
    expect(problem?.code).toBe("onnx-not-a-model");
    expect(problem?.message).toContain(what);
  });

  test("noise, and protobuf without a model", () => {
    expect(codesOf(() => decodeOnnx(Uint8Array.from([0xff, 0xfe, 1, 2, 3])))).toBe("onnx-not-a-model");
    expect(codesOf(() => decodeOnnx(wire.message(wire.int(5, 1))))).toBe("onnx-not-a-model");
    expect(codesOf(() => decodeOnnx(wire.message(wire.int(1, 8))))).toBe("onnx-no-graph");
  });
});

describe("damaged files give diagnostics and nothing else", () => {
  test("cut at every byte", () => {
    const whole = wire.smallModel();
    expect(codesOf(() => load(whole))).toBe("");
    const graphEnd = whole.length - wire.bytes(8, wire.message(wire.text(1, ""), wire.int(2, 13))).length;
    for (let length = 0; length < whole.length; length++) {
      const codes = codesOf(() => load(whole.slice(0, length)));
      if (length > 3 && length < graphEnd) expect(codes).toBe("onnx-truncated");
      else expect(codes).not.toBe("");
    }
  });

  test("random mutations", () => {
    const whole = wire.smallModel();
    const edit = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }));
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const bytes = whole.slice();
        for (const [offset, value] of edits) bytes[offset] = value;
        expectProved(bytes);
        // Throws through, and so fails, on anything but a DiagnosticError.
        outcomes.add(codesOf(() => load(bytes)).split(" ")[0]!);
      }),
      { seed: 20240601, numRuns: 20_000 },
    );
    // The mutations reach past the guard: into the decoder, and the checks.
    for (const code of ["", "onnx-malformed", "onnx-tensor-data", "onnx-undefined-input"]) {
      expect(outcomes).toContain(code);
    }
  });

  test("random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (tail) => {
        const bytes = wire.message(wire.int(1, 8), wire.bytes(7, tail));
        expectProved(bytes);
        codesOf(() => load(bytes));
      }),
      { seed: 7, numRuns: 5_000 },
    );
  });
});
