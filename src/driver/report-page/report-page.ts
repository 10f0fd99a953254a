/**
 * `report.html`: report.json drawn, as one file that asks for nothing else and runs no script. It shows nothing of `run`, so the same
 * model, samples and options give the same bytes.
 */
import type { TargetSize } from "../artifacts.ts";
import type { Report } from "../report.ts";
import { decisions } from "./decisions.ts";
import { bytes, grouped, percent, plural, short } from "./figures.ts";
import { clippedShare, histograms } from "./histograms.ts";
import { layerGraph } from "./layer-graph.ts";
import { layerTable, noiseChart } from "./layer-table.ts";
import { markup, type Markup, type Part } from "./markup.ts";
import { memoryPicture } from "./memory-picture.ts";
import { pruning } from "./pruning.ts";
import { sensitivity } from "./sensitivity.ts";
import { rowsOf } from "./rows.ts";
import { style } from "./style.ts";

/** Nothing is loaded and nothing is run, should a name ever get through. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export function reportPage(report: Report): string {
  const rows = rowsOf(report.layers);
  const noise = noiseChart(rows);
  const pruned = pruning(report);
  const sensitive = sensitivity(report);
  const page = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="color-scheme" content="light dark">
<title>${report.name} · quern</title><style>${{ markup: style }}</style></head><body><main>
${heading(report)}
${headline(report)}
${section("targets", "Targets", targetTable(report))}
${warnings(report)}
<div class="pair">${section("graph", "Network", markup`<p class="note">Bars are shares of all multiply-accumulates; figures are the result's type and its SQNR.</p>${layerGraph(report, rows)}`)}
<div>${section("layers", "Layers", layerTable(rows))}
${noise === undefined ? undefined : section("noise", "Noise along the network", markup`<p class="note">Stored results against the real network's, over ${measuredOn(report)}. Dashed: below 20 dB a layer is suspect.</p>${noise}`)}</div></div>
${pruned === undefined ? undefined : section("pruning", "Pruning", markup`<p class="note">Channels removed before quantization. Shares of held-out calibration samples whose largest output stays the same.</p>${pruned}`)}
${sensitive === undefined ? undefined : section("sensitivity", "What each width costs", markup`<p class="note">Each layer's weights alone at a width, then each value alone in eight bits, all else real: the error of the values that decide the answer, on samples held out. A dip wants more bits; a ring at the top lost nothing.</p>${sensitive}`)}
${report.ranges.length === 0 ? undefined : section("ranges", "Ranges", markup`<p class="note">What each value was in the real network, on ${measuredOn(report)} (heights are square roots of counts). Shaded: what its integers can hold. <em>Marked</em>: more than ${percent(clippedShare)} are clipped, by more than a step.</p>${histograms(report)}`)}
${Object.values(report.targets).map(memorySection)}
${section("decisions", "What the compiler decided", decisions(report.passes))}
${section("files", "Files", fileTables(report))}
</main></body></html>
`;
  return page.markup;
}

/** Ranges are made from all samples; the stored network is looked at on some of them. */
function measuredOn({ measuredSamples, samples }: Report): string {
  const given = samples[0]?.count ?? measuredSamples;
  return given <= measuredSamples
    ? plural(measuredSamples, "calibration sample")
    : `${grouped(measuredSamples)} of the ${plural(given, "calibration sample")}, evenly spread, which are enough for these figures`;
}

const section = (id: string, title: string, body: Part): Markup =>
  markup`<section id="${id}"><h2>${title}</h2>
${body}</section>`;

function heading({ name, quern, model, samples, passes, inputs, outputs }: Report): Markup {
  const counted = samples.map(
    ({ file, count, element }) => `${plural(count, "sample")} (${element}) of ${file}`,
  );
  const from = [model.file, ...counted].join(", ");
  const derived = passes.some(({ pass }) => pass === "derive-ranges");
  const ports = (what: string, all: Report["inputs"]): Markup =>
    markup`<dt>${what}</dt>${all.map((port) => markup`<dd><b>${port.name}</b> <code>${port.type}</code></dd>`)}`;
  return markup`<header><h1>${name}</h1><p>compiled by quern ${quern} from ${from}${derived ? ", data-free: ranges were derived, not measured" : ""}</p>
<dl>${ports("in", inputs)}${ports("out", outputs)}</dl></header>`;
}

function headline({ macs, parameters, weightBytes, targets, layers }: Report): Markup {
  const size = targets.c ?? targets.wasm;
  const flash = size?.constantBytes ?? weightBytes;
  const worst = Math.min(
    ...layers.flatMap(({ sqnrDb, isCut }) => (typeof sqnrDb === "number" && !isCut ? [sqnrDb] : [])),
  );
  const figure = (value: string, what: string, more: string): Markup =>
    markup`<div><b>${value}</b><span>${what}</span><small>${more}</small></div>`;
  return markup`<div class="headline">
${figure(bytes(flash), "flash", `constants of ${size?.target ?? "the graph"}, without code`)}
${size === undefined ? undefined : figure(bytes(size.arenaBytes), "RAM", `arena of ${size.target}: ${verdict(size)}`)}
${figure(short(macs), "multiply-accumulates", `${grouped(macs)} an inference`)}
${figure(short(parameters), "parameters", `${bytes(weightBytes)} in the stored graph`)}
${Number.isFinite(worst) ? figure(`${worst.toFixed(1)} dB`, "lowest SQNR", "of any layer's result") : undefined}</div>
<p class="note">Accuracy is not measured while compiling: <code>quern evaluate</code> does that, on samples with labels.</p>`;
}

function verdict({ arenaBytes, arenaLowerBoundBytes }: TargetSize): string {
  if (arenaBytes === arenaLowerBoundBytes) return "the least possible";
  return `at least ${grouped(arenaLowerBoundBytes)}`;
}

/** Constants of so many times the stored weights are not multipliers and tables alone. */
const unpackedRatio = 1.5;

function unpackedText({ targets, weightBytes }: Report): string {
  const size = targets.wasm;
  if (size === undefined || size.constantBytes < unpackedRatio * weightBytes) return "";
  return ` ${size.target} has more of them than ${bytes(weightBytes)} of weights in the stored graph: its kernels multiply numbers of 16 bits, and keep weights of eight bits, and weights in groups, as such.`;
}

function targetTable(report: Report): Markup {
  const { targets } = report;
  const rows = Object.values(targets).map(
    ({
      target,
      constantBytes,
      arenaBytes,
      arenaLowerBoundBytes,
      fileBytes,
    }) => markup`<tr><th scope="row">${target}</th>
<td class="n">${grouped(constantBytes)}</td><td class="n">${grouped(arenaBytes)}</td><td class="n">${grouped(arenaLowerBoundBytes)}</td><td class="n">${grouped(fileBytes)}</td></tr>`,
  );
  return markup`<div class="wide"><table><thead><tr><th scope="col">target</th><th scope="col" class="n">constants</th><th scope="col" class="n">arena</th><th scope="col" class="n">bound</th><th scope="col" class="n">file</th></tr></thead><tbody>${rows}</tbody></table></div>
<p class="note">In bytes. Constants are weights, multipliers and tables as the target stores them. The arena is input, output and scratch together; no plan of the same kernels can be below the bound. The file is the module, or the text of the C source.${unpackedText(report)}</p>`;
}

function warnings({ diagnostics }: Report): Markup | undefined {
  if (diagnostics.length === 0) return undefined;
  const items = diagnostics.map(
    ({ severity, code, message, subject, help }) =>
      markup`<li class="${severity}"><b>${severity}</b> <code>${code}</code> ${subject === undefined ? undefined : markup`<q>${subject}</q> `}${message}${help === undefined ? undefined : markup`<small>${help}</small>`}</li>`,
  );
  return section("warnings", "To look at", markup`<ul class="warnings">${items}</ul>`);
}

function memorySection(size: TargetSize): Markup {
  const { target, arenaBytes, arenaLowerBoundBytes } = size;
  return section(
    `memory-${target}`,
    `Memory of ${target}`,
    markup`<p class="note">Time runs down, addresses across: ${grouped(arenaBytes)} bytes. Dashed: the lower bound of ${grouped(arenaLowerBoundBytes)} bytes, the sum of what is alive in the fullest steps (bold).</p>${memoryPicture(size)}`,
  );
}

function fileTables({ files, model, samples, pipeline }: Report): Markup {
  const row = (file: string, sizeBytes: number | undefined, sha256: string): Markup =>
    markup`<tr><th scope="row">${file}</th><td class="n">${sizeBytes === undefined ? "" : grouped(sizeBytes)}</td><td><code>${sha256}</code></td></tr>`;
  return markup`<div class="wide"><table><thead><tr><th scope="col">file</th><th scope="col" class="n">bytes</th><th scope="col">SHA-256</th></tr></thead><tbody>
${[model, ...samples].map(({ file, sha256 }) => row(file, undefined, sha256))}
${files.map(({ file, sizeBytes, sha256 }) => row(file, sizeBytes, sha256))}</tbody></table></div>
<details><summary>Pipeline</summary><p><code>${pipeline}</code></p></details>`;
}
