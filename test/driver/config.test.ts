import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProgram, main } from "../../src/driver/node/cli.ts";
import { withConfig } from "../../src/driver/node/config.ts";
import { tinyBytes, tinyText } from "./fixtures.ts";

const folder = mkdtempSync(join(tmpdir(), "quern-config-"));
const at = (...parts: string[]): string => join(folder, ...parts);
afterAll(() => {
  rmSync(folder, { recursive: true });
});
beforeAll(() => {
  writeFileSync(at("tiny.qir"), tinyText);
  writeFileSync(at("x.npy"), tinyBytes);
  mkdirSync(at("given"));
});

const silent = {
  out: () => undefined,
  err: () => undefined,
  diagnose: () => undefined,
  remember: () => undefined,
};
const config = (entries: unknown): string => {
  const file = at("c.json");
  writeFileSync(file, typeof entries === "string" ? entries : JSON.stringify(entries));
  return file;
};
const wordsOf = (entries: unknown, ...words: string[]): readonly string[] =>
  withConfig([...words, "--config", config(entries)], createProgram(silent)).added;

describe("a configuration file", () => {
  test("becomes words: paths from its folder, lists, flags, shapes", () => {
    const entries = {
      calibrate: ["a.npy", "/b.npy"],
      target: ["c", "wasm"],
      "input-zero": -3,
      "input-mean": [0.5, 1],
      shape: { x: [1, 4] },
      force: true,
      json: false,
      labels: "for evaluate",
    };
    expect(wordsOf(entries, "compile", "m.onnx")).toEqual([
      `--calibrate=${at("a.npy")}`,
      "--calibrate=/b.npy",
      "--target=c,wasm",
      "--input-zero=-3",
      "--input-mean=0.5,1",
      "--shape=x=1x4",
      "--force",
    ]);
  });
  test("the command line wins over the section, the section over the rest", () => {
    const entries = {
      "input-scale": 1,
      "input-zero": 2,
      samples: 3,
      compile: { "input-zero": 4, samples: 5 },
    };
    expect(wordsOf(entries, "compile", "m.onnx", "--samples=6")).toEqual([
      "--input-scale=1",
      "--input-zero=4",
    ]);
    expect(wordsOf(entries, "evaluate", "m.onnx")).toEqual(["--input-scale=1", "--input-zero=2"]);
    const out = { out: "folder", target: "c", opt: { target: "wasm-simd" } };
    expect(wordsOf(out, "opt", "m.qir")).toEqual(["--target=wasm-simd"]);
  });
  test.each([
    [{ calibrat: "x" }, "there is no option 'calibrat'", "did you mean 'calibrate'?"],
    [{ inputScale: 1 }, "there is no option 'inputScale'", "did you mean 'input-scale'?"],
    [{ compile: { labels: "y" } }, "no option 'labels' of 'quern compile'", ""],
    [{ compile: 1 }, "'compile' is a command", ""],
    [{ force: "yes" }, `'force' is "yes", expected true or false`, ""],
    [{ out: null }, "'out' is null, expected a text", ""],
    [{ out: true }, "'out' is true, expected a text", ""],
    ["{", "error[config-syntax]", ""],
    ["[]", "expected an object of options", ""],
  ])("%j is refused", (entries, message, help) => {
    expect(() => wordsOf(entries, "compile", "m.onnx")).toThrow(message);
    try {
      wordsOf(entries, "compile", "m.onnx");
    } catch (error) {
      expect(JSON.stringify((error as { diagnostics: unknown }).diagnostics)).toContain(help);
    }
  });
  test("is no part of asking for help, and not read for a command there is not", () => {
    expect(wordsOf("{", "compile", "--help")).toEqual([]);
    expect(wordsOf("{", "compil")).toEqual([]);
  });
});

describe("the command", () => {
  const quern = async (...words: string[]) => {
    let err = "";
    const code = await main(words, { out: () => undefined, err: (text) => void (err += text) });
    return { code, err };
  };
  test("compiles with what the file says", async () => {
    const entries = {
      calibrate: "x.npy",
      "input-scale": 0.05,
      "input-zero": 3,
      out: "given/net",
      target: "c",
    };
    const { code, err } = await quern("compile", at("tiny.qir"), "--config", config(entries), "--name=other");
    expect([code, err]).toEqual([0, ""]);
    expect(existsSync(at("given", "net", "other.c"))).toBe(true);
    const report = JSON.parse(readFileSync(at("given", "net", "report.json"), "utf8")) as {
      inputMapping: unknown;
    };
    expect(report.inputMapping).toEqual({ scale: 0.05, zero: 3 });
  });
  test("a value that an option refuses is a misuse, and the file is named", async () => {
    const { code, err } = await quern(
      "compile",
      at("tiny.qir"),
      "--config",
      config({ out: "o", "input-scale": "one" }),
    );
    expect(code).toBe(2);
    expect(err).toContain("It is no number");
    expect(err).toContain(`c.json adds --out=${at("o")} --input-scale=one`);
  });
  test("a file that is not there", async () => {
    expect((await quern("inspect", at("tiny.qir"), "--config", at("none.json"))).err).toContain(
      "error[no-file]",
    );
  });
});
