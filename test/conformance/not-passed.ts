/**
 * The cases of ONNX's suite that do not pass, each with its reason. `npm run conformance` fails when one of them passes, or when
 * one that is not listed does not.
 */
export const notPassed: Readonly<Record<string, string>> = {};
