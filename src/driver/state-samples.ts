/**
 * Samples for a network that carries state: consecutive inputs, each with the state that the float network is in by then. So passes that
 * measure see an ordinary network of more inputs. The float network runs again for every sweep over the samples; nothing is kept.
 */
import { carrying, type CarryingExecutor } from "../exec/carrying-executor.ts";
import { copyGraph } from "../ir/copy-graph.ts";
import type { Graph } from "../ir/graph.ts";
import { measuringExecutor } from "./engines.ts";
import type { Samples } from "./samples.ts";

/** @param graph real, and free to change afterwards */
export async function withStates(
  samples: Samples,
  graph: Graph,
): Promise<{ readonly samples: Samples; readonly executor: CarryingExecutor }> {
  const executor = carrying(await measuringExecutor(copyGraph(graph)), copyGraph(graph));
  return {
    executor,
    samples: {
      ...samples,
      shapes: graph.inputs.map(({ type }) => type.shape),
      *batches() {
        executor.reset();
        for (const given of samples.batches()) {
          const inputs = executor.inputsFor(given).map((input) => ({ ...input }));
          executor.run(given);
          yield inputs;
        }
      },
    },
  };
}
