/** The weighted layers of a fake-quantized graph, each with what it is in the real network. */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { codesOf, constantOf, onlyUser } from "../../src/ir/match.ts";
import type { GroupCodes } from "../../src/numerics/group-codes.ts";
import type { Quantization } from "../../src/ir/types.ts";
import { weightedLayerOf, type WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { aimOf, unbounded, type LayerAim } from "../../src/measure/layer-aims.ts";
import { add } from "../../src/ops/add.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import type { ElementType } from "../../src/tensor/element-type.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

export interface StoredConstant {
  /** What the operation reads: the dequantized value. */
  readonly read: Value;
  readonly contents: Tensor;
  readonly quantization: Quantization;
  /** What memory keeps of it, where weights have a scale for each group. */
  readonly codes: GroupCodes | undefined;
}

export interface PairedLayer {
  /** Of the accumulator in the fake-quantized graph. */
  readonly name: string;
  readonly fake: WeightedLayer;
  readonly real: WeightedLayer;
  readonly weight: StoredConstant;
  readonly bias: StoredConstant | undefined;
  /** In the real network, with a shortcut of the fake-quantized graph. */
  readonly aim: LayerAim;
}

/** In order of computation; layers whose weights are no stored constants are left out. */
export function pairLayers(graph: Graph, real: Graph): PairedLayer[] {
  const producers = new Map(real.operations.map((operation) => [operation.result.name, operation]));
  return graph.operations.flatMap((operation): PairedLayer[] => {
    const fake = weightedLayerOf(operation);
    const counterpart = fake && realOperation(operation, producers);
    const realLayer = counterpart && weightedLayerOf(counterpart);
    if (fake === undefined || realLayer === undefined) return [];
    if (realLayer.operation.definition !== operation.definition) return [];
    const weight = storedConstant(fake.weight);
    const bias = fake.bias && storedConstant(fake.bias);
    if (weight === undefined || constantOf(realLayer.weight) === undefined) return [];
    if ((bias === undefined) !== (fake.bias === undefined)) return [];
    const aim = pairedAim(graph, operation, real, realLayer.operation);
    return [{ name: operation.result.name, fake, real: realLayer, weight, bias, aim }];
  });
}

/** Between a result and its sum stand what quantizes and what dequantizes it. Where other passes put more there, the result is the aim. */
function pairedAim(graph: Graph, { result }: Operation, real: Graph, counterpart: Operation): LayerAim {
  const aim = aimOf(real, counterpart);
  if (aim.shortcut === undefined) return aim;
  let [term, user] = [result, onlyUser(graph, result)];
  while (user?.definition === quantize || user?.definition === dequantize)
    [term, user] = [user.result, onlyUser(graph, user.result)];
  const shortcut = user?.definition === add ? user.operands.find((operand) => operand !== term) : undefined;
  if (shortcut === undefined) return { target: counterpart.result, bounds: unbounded };
  return { ...aim, shortcut };
}

export function storedConstant(read: Value): StoredConstant | undefined {
  const stored = read.producer?.definition === dequantize ? read.producer.operands[0]! : undefined;
  const contents = constantOf(stored);
  if (stored === undefined || contents === undefined) return undefined;
  return { read, contents, quantization: stored.type.quantization!, codes: codesOf(stored) };
}

/** Of what weights are rounded to. */
export const codeElement = ({ contents, codes }: StoredConstant): ElementType =>
  codes?.element ?? contents.element;

/** What is stored took the name, and the real value another. */
function realOperation(
  { result }: Operation,
  producers: ReadonlyMap<string, Operation>,
): Operation | undefined {
  const same = producers.get(result.name);
  if (same !== undefined) return same;
  const [only] = result.users;
  return result.users.size === 1 ? producers.get(only!.result.name) : undefined;
}
