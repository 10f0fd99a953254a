/**
 * A weighted operation as matrix products. With `row` running over the places where the weights are applied,
 *
 *     result[row, o] = bias[o] + sum over k of weight[o, k] x[row, g, k]        g the group of output o
 *
 * which is im2col for a convolution and the input itself for a fully connected layer. Least-squares methods (reconstruction after
 * pruning, second-order rounding) know a layer's inputs by these rows alone, whatever the operator.
 */
export interface Unfolding {
  /** Outputs fall into that many equal, consecutive groups with inputs of their own; each output of a depthwise convolution is one. */
  readonly groups: number;
  /** Numbers in a row of one group, in the order of the weights of one output. */
  readonly length: number;
  /** Rows of one input. */
  readonly rows: number;
  /** Where in the input each number of a row comes from; -1 for padding, which is real zero. */
  readonly positions: (row: number, group: number) => Int32Array;
}
