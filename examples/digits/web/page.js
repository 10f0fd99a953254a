/** The page: a canvas to draw on, the compiled network, and its ten scores as bars. */
import { load } from "./digits.mjs";
import { inkOf, side } from "./ink.js";

const canvas = document.querySelector("#pad");
const seen = document.querySelector("#seen");
const answer = document.querySelector("#answer");
const time = document.querySelector("#time");
const bars = document.querySelector("#bars");
const pen = canvas.getContext("2d");

const network = await load();
const [input] = network.inputs;
const [output] = network.outputs;

/**
 * The network's answer to 28 x 28 bytes of ink: ten bytes as they come out of it.
 *
 * @param {Uint8Array} ink
 * @returns {Int8Array}
 */
export function classify(ink) {
  // The network stores a byte of ink less 128.
  for (let i = 0; i < ink.length; i++) input.data[i] = ink[i] + input.zero;
  network.run();
  return output.data.slice();
}

const rows = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement("li");
  row.innerHTML = `<span class="digit">${digit}</span><span class="track"><span class="bar"></span></span><span class="percent"></span>`;
  bars.append(row);
  return row;
});

/** Lines of points in the canvas's own units. */
let strokes = [];
let waiting = false;

function show() {
  waiting = false;
  drawStrokes();
  const ink = inkOf(strokes);
  drawSeen(ink);
  const empty = strokes.length === 0;
  const scores = Array.from(classify(ink), (stored) => output.scale * (stored - output.zero));
  const best = scores.indexOf(Math.max(...scores));
  rows.forEach((row, digit) => {
    const score = empty ? 0 : scores[digit];
    row.classList.toggle("best", !empty && digit === best);
    row.querySelector(".bar").style.width = `${100 * score}%`;
    row.querySelector(".percent").textContent = empty ? "" : `${Math.round(100 * score)} %`;
  });
  document.body.classList.toggle("empty", empty);
  answer.textContent = empty ? "–" : String(best);
  time.textContent = empty ? "" : `${timeOf(ink)} for an answer on this device`;
}

/** Clocks of browsers are coarse, a tenth of a millisecond and more: the mean of as many runs as fill some of those. */
function timeOf(ink) {
  const begin = performance.now();
  let [runs, elapsedMs] = [0, 0];
  while (elapsedMs < 2) {
    for (let i = 0; i < 10; i++) classify(ink);
    runs += 10;
    elapsedMs = performance.now() - begin;
  }
  const timeMs = elapsedMs / runs;
  return timeMs >= 0.0995 ? `${timeMs.toFixed(2)} ms` : `${Math.round(timeMs * 1000)} µs`;
}

function drawStrokes() {
  const pixels = Math.round(canvas.clientWidth * devicePixelRatio);
  if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
  pen.setTransform(pixels, 0, 0, pixels, 0, 0);
  pen.clearRect(0, 0, 1, 1);
  pen.lineWidth = 0.065;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = getComputedStyle(canvas).color;
  for (const [first, ...rest] of strokes) {
    pen.beginPath();
    pen.moveTo(first.x, first.y);
    // A click alone makes a dot.
    for (const { x, y } of rest.length > 0 ? rest : [first]) pen.lineTo(x, y);
    pen.stroke();
  }
}

function drawSeen(ink) {
  const [red, green, blue] = getComputedStyle(canvas).color.match(/\d+/g);
  const image = new ImageData(side, side);
  ink.forEach((value, i) => image.data.set([red, green, blue, value], 4 * i));
  seen.getContext("2d").putImageData(image, 0, 0);
}

function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(show);
}

/** From 0 to 1 along both sides of the canvas. */
function pointOf(event) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  return { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
}

let drawing;
canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || drawing !== undefined) return;
  event.preventDefault();
  drawing = event.pointerId;
  canvas.setPointerCapture(drawing);
  strokes.push([pointOf(event)]);
  later();
});
canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== drawing) return;
  // A fast pen moves several times between two frames.
  const events = event.getCoalescedEvents?.() ?? [];
  strokes.at(-1).push(...(events.length > 0 ? events : [event]).map(pointOf));
  later();
});
for (const end of ["pointerup", "pointercancel"])
  canvas.addEventListener(end, (event) => {
    if (event.pointerId === drawing) drawing = undefined;
  });

function clear() {
  strokes = [];
  drawing = undefined;
  later();
}
document.querySelector("#clear").addEventListener("click", clear);
document.querySelector("#undo").addEventListener("click", () => {
  strokes.pop();
  later();
});
addEventListener("keydown", ({ key }) => {
  if (key === "Escape") clear();
});
addEventListener("resize", later);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", later);
show();
