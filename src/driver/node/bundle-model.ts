/** A model file, or the stored graph of a compiled folder as one. */
import { join } from "node:path";
import type { ModelSource, Shapes } from "../model.ts";
import { isFolder, readBundle, readModel } from "./files.ts";

export function bundleModel(path: string, shapes?: Shapes): ModelSource {
  if (!isFolder(path)) return readModel(path, shapes);
  return readModel(join(path, `${readBundle(path).name}.qir`));
}
