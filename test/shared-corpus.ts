/** The corpus of models and data, at QUERN_CORPUS or beside the repository. Its absence is said once, and CI counts skips as failures. */
import { existsSync } from "node:fs";
import path from "node:path";

const folder = process.env.QUERN_CORPUS ?? path.resolve(import.meta.dirname, "../../shared");

export const corpusFile = (file: string): string => path.join(folder, file);
export const hasCorpus = existsSync(corpusFile("models"));
if (!hasCorpus) console.warn(`skipped: no corpus at ${folder} (set QUERN_CORPUS)`);
