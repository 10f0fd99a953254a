/** What a model file calls its inputs and outputs, in their order. Names of values allow fewer characters. */
export interface PortNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}
