/** The command line as tests call it: the text it wrote and its exit code. */
import { main } from "../src/driver/node/cli.ts";

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function quern(...args: readonly string[]): Promise<Outcome> {
  let [out, err] = ["", ""];
  const code = await main(args, { out: (text) => void (out += text), err: (text) => void (err += text) });
  return { code, out, err };
}

/** Its standard output, when all went well; throws with what it said otherwise. */
export async function quernOutput(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await quern(...args);
  if (code !== 0) throw new Error(`quern ${args.join(" ")} ends with ${code}:\n${err}`);
  return out;
}
