/** The example's page, in Chromium: what is drawn is read, and the network gives Node's bytes. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pixels, readDigits, takeDigits } from "../../examples/digits/mnist.ts";
import { serveFolder, type StaticServer } from "../../examples/digits/static-server.ts";
import { createEngine, coreEngines } from "../../src/driver/engines.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { chromiumPath, launchChromium, noChromium } from "./chromium.ts";
import { compileDigits, exampleFolder } from "./compile-digits.ts";

if (chromiumPath === undefined) console.log(noChromium);

/** Where to put screenshots, for people who want to look. */
const shots = process.env["QUERN_SCREENSHOTS"];

describe.skipIf(chromiumPath === undefined)("the page that draws digits", () => {
  const folder = mkdtempSync(join(tmpdir(), "quern-page-"));
  let browser: Browser;
  let served: StaticServer;
  let compiled: Awaited<ReturnType<typeof compileDigits>>;

  beforeAll(async () => {
    compiled = await compileDigits();
    cpSync(join(exampleFolder, "web"), folder, { recursive: true });
    for (const name of ["digits.mjs", "digits.wasm"])
      writeFileSync(join(folder, name), compiled.files.get(name)!);
    served = await serveFolder(folder);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    served?.server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens the page, runs `act`, and lets no error of the page pass. */
  async function onPage(width: number, height: number, act: (page: Page) => Promise<void>): Promise<void> {
    const page = await browser.newPage({ viewport: { width, height }, hasTouch: width < 600 });
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    page.on("requestfailed", (request) => faults.push(request.url()));
    try {
      await page.goto(served.url);
      await page.waitForSelector("#bars li:nth-child(10)");
      await act(page);
      expect(faults).toEqual([]);
    } finally {
      await page.close();
    }
  }

  /** Draws lines given in hundredths of the canvas. */
  async function draw(page: Page, ...strokes: readonly (readonly (readonly [number, number])[])[]) {
    const box = (await page.locator("#pad").boundingBox())!;
    const at = ([x, y]: readonly [number, number]): [number, number] => [
      box.x + (box.width * x) / 100,
      box.y + (box.height * y) / 100,
    ];
    for (const [first, ...rest] of strokes) {
      await page.mouse.move(...at(first!));
      await page.mouse.down();
      for (const point of rest) await page.mouse.move(...at(point), { steps: 4 });
      await page.mouse.up();
    }
  }

  /** The page answers at its next frame, which on a busy machine may be a while. */
  const answers = (page: Page) => expect.poll(() => page.textContent("#answer"), { timeout: 20_000 });

  const arc = (x: number, y: number, rx: number, ry: number, from: number, to: number) =>
    Array.from({ length: 17 }, (_, i) => {
      const angle = ((from + ((to - from) * i) / 16) * Math.PI) / 180;
      return [x + rx * Math.cos(angle), y - ry * Math.sin(angle)] as const;
    });
  // Angles in degrees, counterclockwise from the right.
  const drawings = {
    0: [arc(50, 50, 22, 35, 90, 450)],
    1: [[[52, 15] as const, [48, 85] as const]],
    2: [[...arc(50, 34, 20, 19, 160, -45), [30, 84] as const, [72, 84] as const]],
    3: [[...arc(47, 33, 18, 17, 140, -80), ...arc(47, 66, 20, 18, 80, -150)]],
    7: [
      [
        [28, 20],
        [70, 20],
        [45, 85],
      ] as const,
    ],
  };

  test.each(Object.entries(drawings))("a drawn %s is read", async (digit, strokes) => {
    await onPage(1000, 800, async (page) => {
      await draw(page, ...strokes);
      await answers(page).toBe(digit);
      expect(await page.textContent("li.best .digit")).toBe(digit);
      expect(await page.textContent("#time")).toMatch(/^[\d.]+ (µs|ms) for an answer/);
      if (shots !== undefined && digit === "2") await page.screenshot({ path: join(shots, "desktop.png") });
    });
  });

  test("a phone's width needs no scrolling sideways, and a finger draws", async () => {
    await onPage(390, 844, async (page) => {
      if (shots !== undefined) await page.screenshot({ path: join(shots, "phone-empty.png") });
      const box = (await page.locator("#pad").boundingBox())!;
      const touch = await page.context().newCDPSession(page);
      const points = arc(50, 50, 22, 35, 90, 450).map(([x, y]) => ({
        x: box.x + (box.width * x) / 100,
        y: box.y + (box.height * y) / 100,
      }));
      await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [points[0]!] });
      for (const point of points.slice(1))
        await touch.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [point] });
      await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
      await answers(page).toBe("0");
      const width = await page.evaluate("document.documentElement.scrollWidth");
      expect(width).toBeLessThanOrEqual(390);
      if (shots !== undefined) await page.screenshot({ path: join(shots, "phone.png") });
    });
  });

  test("clearing and undoing", async () => {
    await onPage(1000, 800, async (page) => {
      await draw(page, ...drawings[1]);
      await answers(page).toBe("1");
      await page.click("#undo");
      await answers(page).toBe("–");
      await draw(page, ...drawings[0]);
      await answers(page).toBe("0");
      await page.click("#clear");
      await answers(page).toBe("–");
      expect(await page.locator("li.best").count()).toBe(0);
    });
  });

  test("test digits give Node's bytes", async () => {
    const { images } = takeDigits(readDigits("test"), 20);
    const executor = await createEngine("interpreter", compiled.graph, coreEngines);
    const expected = Array.from({ length: 20 }, (_, n) => {
      const ink = images.subarray(n * pixels, (n + 1) * pixels);
      const [scores] = executor.run([
        tensor(
          "i8",
          [1, 1, 28, 28],
          Array.from(ink, (byte) => byte - 128),
        ),
      ]);
      return Array.from(scores!.data, Number);
    });
    await onPage(1000, 800, async (page) => {
      // As text: what vitest makes of an import() does not run in a page.
      const found = await page.evaluate(`import("./page.js").then(({ classify }) => {
        const images = Uint8Array.from(${JSON.stringify(Array.from(images))});
        return Array.from({ length: 20 }, (_, n) =>
          Array.from(classify(images.subarray(n * ${pixels}, (n + 1) * ${pixels}))));
      })`);
      expect(found).toEqual(expected);
    });
    expect(new Set(expected.map((scores) => scores.indexOf(Math.max(...scores)))).size).toBeGreaterThan(5);
  });
});
