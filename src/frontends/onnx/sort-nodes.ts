/**
 * Orders nodes so that each stands after those whose results it uses.
 *
 * ONNX demands that order of the file, but some exporters do not keep it. A depth-first walk in the file's order
 * emits a node's unemitted producers just before it: a list that is sorted already stays as it is, and another
 * changes no more than it must. Iterative, since a chain of nodes can be as long as the limit on nodes.
 */

/** Either an order of the indices, or the indices along a cycle (each uses a result of the next, the last the first's). */
export type NodeOrder = { readonly order: readonly number[] } | { readonly cycle: readonly number[] };

/** `producers[i]` are the indices of the nodes whose results node i uses. */
export function sortNodes(producers: readonly (readonly number[])[]): NodeOrder {
  const order: number[] = [];
  const state = new Uint8Array(producers.length);
  const [unseen, open, done] = [0, 1, 2];
  const next = new Int32Array(producers.length);
  for (let root = 0; root < producers.length; root++) {
    if (state[root] !== unseen) continue;
    const path = [root];
    state[root] = open;
    while (path.length > 0) {
      const node = path[path.length - 1]!;
      const producer = producers[node]![next[node]!++];
      if (producer === undefined) {
        state[node] = done;
        order.push(node);
        path.pop();
      } else if (state[producer] === open) {
        return { cycle: path.slice(path.indexOf(producer)) };
      } else if (state[producer] === unseen) {
        state[producer] = open;
        path.push(producer);
      }
    }
  }
  return { order };
}
