/** `quern inspect`. */
import type { Command } from "commander";
import { inspect, type Inspection } from "../../inspect.ts";
import type { FixedInputs, Shapes, States } from "../../model.ts";
import { bundleModel } from "../bundle-model.ts";
import { fixOption, shapeOption, stateOption } from "../options.ts";
import type { Streams } from "../streams.ts";
import { grouped, kibibytes, textTable } from "../text-table.ts";

interface Options {
  readonly shape?: Shapes;
  readonly fix?: FixedInputs;
  readonly state?: States;
  readonly imported?: boolean;
  readonly json?: boolean;
}

export function addInspect(program: Command, streams: Streams): void {
  program
    .command("inspect")
    .description("layers, shapes, parameters, multiply-accumulates, peak RAM")
    .argument("<model>", ".onnx, .tflite, .qir or a compiled folder")
    .option("--imported", "show the layers as they were imported, before fusion")
    .addOption(shapeOption())
    .addOption(fixOption())
    .addOption(stateOption())
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  $ quern inspect kws.onnx")
    .action(async (path: string, options: Options) => {
      const found = await inspect({
        model: bundleModel(path, options),
        asImported: options.imported ?? false,
      });
      if (options.json === true) {
        streams.out(`${JSON.stringify(found, undefined, 2)}\n`);
        return;
      }
      streams.diagnose(found.notes);
      streams.out(inspectionText(found));
    });
}

function inspectionText(found: Inspection): string {
  const isPruned = found.layers.some(({ prunedParameters }) => prunedParameters !== undefined);
  const rows = found.layers.map((layer) => [
    layer.name,
    layer.operator,
    `[${layer.shape.join(", ")}]`,
    grouped(layer.parameters),
    ...(isPruned ? [share(layer.prunedParameters, layer.parameters)] : []),
    grouped(layer.macs),
    grouped(layer.weightBytes),
    grouped(layer.outputBytes),
  ]);
  const port = ({ name, shape, element }: Inspection["inputs"][number]): string =>
    `${name} ${element}[${shape.join(", ")}]`;
  const { arenaBytes, arenaLowerBoundBytes = 0 } = found;
  return [
    `graph ${found.name}: ${found.inputs.map(port).join(", ")} → ${found.outputs.map(port).join(", ")}`,
    "",
    textTable(
      [
        "layer",
        "operator",
        "shape",
        "parameters",
        ...(isPruned ? ["pruned"] : []),
        "MACs",
        "weights",
        "output bytes",
      ],
      rows,
    ),
    "",
    `${grouped(found.parameters)} parameters, ${kibibytes(found.weightBytes)}; ${grouped(found.macs)} multiply-accumulates`,
    ...(arenaBytes === undefined
      ? []
      : [
          `peak RAM in ${found.stored ? "integers" : "floats"}: ${grouped(arenaBytes)} bytes, at least ` +
            `${grouped(arenaLowerBoundBytes)} (input, output and scratch together)`,
        ]),
    "",
  ].join("\n");
}

/** Of the layer's parameters, those that masks make zero. */
const share = (pruned: number | undefined, parameters: number): string =>
  pruned === undefined ? "" : `${((100 * pruned) / parameters).toFixed(1)} %`;
