/** Operators that repeat elements, exchange blocks of them, or take a triangle of them. */
import type { Value } from "../../../ir/graph.ts";
import { expand } from "../../../ops/expand.ts";
import { broadcastShape } from "../../../ops/broadcasting.ts";
import { elementCount, saturatedNumbersOf, tensor } from "../../../tensor/tensor.ts";
import { contentAt, type NodeView } from "../node-view.ts";
import type { Converted } from "../operand.ts";
import { since, type ConverterTable } from "./converter.ts";
import { termsOf } from "./terms.ts";

export const rearranging: ConverterTable = {
  DepthToSpace: since(1, convertDepthToSpace),
  Expand: since(8, convertExpand, "the shape must be constant"),
  SpaceToDepth: since(1, convertSpaceToDepth),
  Tile: since(1, convertTile, "repeats must be constant; one axis in 1"),
  Trilu: since(14, convertTrilu, "k must be constant"),
};

function convertExpand(node: NodeView): Converted {
  const wanted = Array.from(saturatedNumbersOf(node.known(1, "shape")));
  const refuse = (code: string, message: string): never => node.fail(code, message);
  const shape = broadcastShape(node.shape(0), wanted, refuse);
  return expanded(node, contentAt(node, 0), shape);
}

function expanded(node: NodeView, content: Converted, shape: readonly number[]): Converted {
  const from = "data" in content ? content.shape : content.type.shape;
  if (from.join() === shape.join()) return content;
  return node.create(expand, { input: node.value(0) }, { shape });
}

/** [n0, n1] repeated [r0, r1] times is [1, n0, 1, n1] expanded to [r0, n0, r1, n1]. Operator set 1 repeated one axis. */
function convertTile(node: NodeView): Value {
  const shape = node.shape(0);
  const repeats =
    node.opset < 6 ? tilesOfSet1(node) : Array.from(saturatedNumbersOf(node.known(1, "repeats")));
  if (repeats.length !== shape.length)
    node.fail("operand-shape", `has ${repeats.length} repeats, expected ${shape.length}`);
  const apart = node.reshape(
    node.value(0),
    shape.flatMap((extent) => [1, extent]),
  );
  const tiles = shape.flatMap((extent, axis) => [repeats[axis]!, extent]);
  const repeated = node.create(expand, { input: apart }, { shape: tiles });
  return node.reshape(
    repeated,
    shape.map((extent, axis) => extent * repeats[axis]!),
  );
}

function tilesOfSet1(node: NodeView): number[] {
  const [tiles, axis] = [1, 2].map((index) => Number(node.known(index, "tiles and axis").data[0]));
  return node.shape(0).map((_, i) => (i === axis ? tiles! : 1));
}

/** Blocks of channels become blocks of pixels: DCR takes the block's row and column before the channel, CRD after it. */
function convertDepthToSpace(node: NodeView): Value {
  const [batch, channels, height, width] = plane(node);
  const block = blockSize(node);
  const mode = node.attributes.string("mode") ?? "DCR";
  if (mode !== "DCR" && mode !== "CRD")
    node.fail("onnx-attribute", `has mode '${mode}', expected DCR or CRD`);
  const depth = channels / (block * block);
  if (!Number.isInteger(depth))
    node.fail("operand-shape", `has ${channels} channels, expected a multiple of ${block * block}`);
  const dcr = mode === "DCR";
  const apart = dcr
    ? [batch, block, block, depth, height, width]
    : [batch, depth, block, block, height, width];
  const moved = node.transpose(
    node.reshape(node.value(0), apart),
    dcr ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3],
  );
  return node.reshape(moved, [batch, depth, height * block, width * block]);
}

function convertSpaceToDepth(node: NodeView): Value {
  const [batch, channels, height, width] = plane(node);
  const block = blockSize(node);
  if (height % block !== 0 || width % block !== 0)
    node.fail("operand-shape", `has a plane of ${height} by ${width}, expected multiples of ${block}`);
  const apart = node.reshape(node.value(0), [batch, channels, height / block, block, width / block, block]);
  const moved = node.transpose(apart, [0, 3, 5, 1, 2, 4]);
  return node.reshape(moved, [batch, channels * block * block, height / block, width / block]);
}

function plane(node: NodeView): [number, number, number, number] {
  const shape = node.shape(0);
  if (shape.length !== 4)
    node.fail("onnx-rank", `works on [${shape.join(", ")}], expected batch, channels, height and width`);
  return shape as [number, number, number, number];
}

function blockSize(node: NodeView): number {
  const block = node.attributes.required("blocksize", node.attributes.int("blocksize"));
  return block >= 1 ? block : node.fail("onnx-attribute", `has blocksize ${block}, expected at least 1`);
}

/** The part above, or below, the k-th diagonal; zeros elsewhere. */
function convertTrilu(node: NodeView): Value {
  const upper = node.attributes.flag("upper") ?? true;
  const k = node.has(1) ? Number(node.known(1, "k").data[0]) : 0;
  const shape = node.shape(0);
  const [rows, columns] = shape.slice(-2) as [number, number];
  if (shape.length < 2) node.fail("onnx-rank", `works on [${shape.join(", ")}], expected a matrix`);
  node.reserve([rows, columns]);
  const kept = Uint8Array.from({ length: elementCount([rows, columns]) }, (_, i) => {
    const beyond = (i % columns) - Math.floor(i / columns);
    return Number(upper ? beyond >= k : beyond <= k);
  });
  const t = termsOf(node);
  const x = node.value(0);
  const mask = node.constant(tensor("bool", [rows, columns], kept), "triangle");
  if (x.type.element === "bool") {
    const number = t.as("u8", x);
    return t.as("bool", t.when(mask, number, 0));
  }
  return t.when(mask, x, 0);
}
