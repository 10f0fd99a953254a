/**
 * The elementary functions of src/numerics as f64 expressions: the very same operations in the same order, so that the
 * interpreter, compiled code and the host agree bit for bit (NaN payloads aside). Each file stands beside its namesake in
 * numerics, which has the mathematics; whoever changes one changes the other, and a test compares their bits.
 *
 * An expression names intermediate results as TypeScript constants: a node used twice is one object and computed once.
 */
export { erfExpression } from "./error-function.ts";
export { expExpression, expm1Expression, sigmoidExpression, tanhExpression } from "./exponential.ts";
export { log1pExpression, logExpression } from "./logarithm.ts";
export { powExpression } from "./power.ts";
export { cosExpression, sinExpression } from "./trigonometric.ts";
