/** A model file, or the stored graph of a compiled folder as one. */
import { join } from "node:path";
import type { ModelOptions, ModelSource } from "../model.ts";
import { isFolder, readBundle, readModel } from "./files.ts";

export function bundleModel(path: string, options?: ModelOptions): ModelSource {
  if (!isFolder(path)) return readModel(path, options);
  return readModel(join(path, `${readBundle(path).name}.qir`));
}
