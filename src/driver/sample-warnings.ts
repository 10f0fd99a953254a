/** What samples are probably not meant to be: numbers without a mapping, all the same, too few to judge by. */
import { diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { isFloat, type ElementType } from "../tensor/element-type.ts";
import { numbersOf } from "../tensor/tensor.ts";
import type { NpyFile } from "./npy-file.ts";
import type { InputMapping, Samples } from "./samples.ts";

interface Port {
  readonly type: { readonly element: ElementType };
}

/**
 * Raw pixels are unsigned; other integers are nearly always features that some scale turns into numbers, or were saved as NumPy's default
 * integer by mistake. Inputs of integers (token numbers) want them as they are.
 */
export const unmappedSamples = (
  files: readonly NpyFile[],
  inputs: readonly Port[],
  mapping: InputMapping,
): Diagnostic[] =>
  files.flatMap(({ file, header: { element } }, i) => {
    const input = inputs[i]?.type.element;
    const takesIntegers = input !== undefined && !isFloat(input) && input !== "i8" && input !== "u8";
    if (isFloat(element) || element === "u8" || takesIntegers || Object.keys(mapping).length > 0) return [];
    const what =
      element === "i8" ? "int8 samples are taken as the numbers -128 to 127 themselves" : unscaled(element);
    return [
      diagnostic("warning", "unmapped-samples", what, {
        subject: `file "${file}"`,
        help: "where they stand for reals, say how: --input-scale S --input-zero Z",
      }),
    ];
  });

const unscaled = (element: ElementType): string =>
  `samples are ${element === "bool" ? "truth values" : `integers (${element})`}, taken as the numbers themselves`;

const fewest = 5;

/** Of samples that a network is calibrated with. Reads samples until two numbers differ. */
export function calibrationWarnings(samples: Samples): Diagnostic[] {
  const warnings: Diagnostic[] = [];
  if (samples.count < fewest)
    warnings.push(
      diagnostic(
        "warning",
        "few-samples",
        `${samples.count} ${samples.count === 1 ? "sample makes" : "samples make"} the ranges and judge them too`,
        { help: `give ${fewest} or more, better a hundred: a fifth is then kept to judge by` },
      ),
    );
  const same = numberOfAll(samples);
  if (same !== undefined)
    warnings.push(
      diagnostic(
        "warning",
        "constant-samples",
        `every number of every sample is ${same}: nothing can be measured`,
        {
          subject: samples.files.map(({ file }) => `file "${file}"`).join(", "),
          help: "look whether it is the right file",
        },
      ),
    );
  return warnings;
}

/** The number that all samples consist of, if it is one. */
function numberOfAll(samples: Samples): number | undefined {
  let same: number | undefined;
  for (const sample of samples.batches())
    for (const input of sample)
      for (const x of numbersOf(input)) {
        same ??= x;
        if (x !== same) return undefined;
      }
  return same;
}
