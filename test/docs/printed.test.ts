/**
 * What documentation pages show as the compiler's output is its output: in every block whose first line is a command
 *
 *     $ quern opt docs/tiny.qir --passes '…' --emit FORM --target TARGET
 *
 * the rest is what that prints. `npm run docs` (vitest -u) writes the blocks anew.
 */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { emitForms, opt, type EmitForm } from "../../src/driver/opt.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { updating } from "../updating.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const command =
  /^\$ quern opt (?<file>\S+)(?: --passes '(?<passes>[^']*)')?(?: --emit (?<emit>\w+))?(?: --target (?<target>\S+))?$/;
const block = /(```\n)(\$ quern opt [^\n]*)\n([\s\S]*?)(```)/g;

const pages = readdirSync(`${root}docs`).filter(
  (name) => name.endsWith(".md") && commandsOf(name).length > 0,
);

function commandsOf(page: string): { readonly line: string; readonly shown: string }[] {
  const text = readFileSync(`${root}docs/${page}`, "utf8");
  return [...text.matchAll(block)].map(([, , line, shown]) => ({ line: line!, shown: shown! }));
}

async function output(line: string): Promise<string> {
  const { file, passes, emit, target } = command.exec(line)?.groups ?? {};
  if (file === undefined) throw new Error(`this test cannot read the command: ${line}`);
  const graph = parseGraph(readFileSync(root + file, "utf8"), { file });
  const form = emitForms.find((known): known is EmitForm => known === (emit ?? "graph"));
  if (form === undefined) throw new Error(`there is no form ${emit ?? ""}`);
  const { text } = await opt({
    graph,
    emit: form,
    ...(passes === undefined ? {} : { passes }),
    ...(target === undefined ? {} : { target }),
  });
  return text;
}

test("the index shows every level", () => {
  expect(commandsOf("README.md").length).toBeGreaterThanOrEqual(6);
});

test.each(pages)("docs/%s shows what is printed", async (page) => {
  const printed = new Map<string, string>();
  for (const { line } of commandsOf(page)) printed.set(line, await output(line));
  if (updating()) {
    const before = readFileSync(`${root}docs/${page}`, "utf8");
    const after = before.replaceAll(
      block,
      (_, open: string, line: string, __, close: string) => `${open}${line}\n${printed.get(line)!}${close}`,
    );
    if (after !== before) writeFileSync(`${root}docs/${page}`, after);
    return;
  }
  for (const { line, shown } of commandsOf(page))
    expect(shown, `${line} (npm run docs writes it anew)`).toBe(printed.get(line));
});
