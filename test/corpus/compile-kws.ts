/** Keyword spotting from the float ONNX file to a compiled folder, as the README shows it. */
import { corpusFile } from "../shared-corpus.ts";
import { quernOutput } from "../quern.ts";

export const kwsSamples = corpusFile("datasets/kws/dev/x.npy");
export const kwsLabels = corpusFile("datasets/kws/dev/y.npy");

export async function compileKws(out: string): Promise<void> {
  await quernOutput(
    "compile",
    corpusFile("models/kws/kws_fp32.onnx"),
    ...["--calibrate", corpusFile("datasets/kws/calib/x.npy")],
    ...["--input-scale", "0.5847029089927673", "--input-zero", "83"],
    ...["--target", "c,wasm", "--out", out],
  );
}
