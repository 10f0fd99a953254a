/**
 * Turns what was drawn into what MNIST looks like: strokes become 28 x 28 bytes of ink. As MNIST's makers did it, the drawing is
 * scaled, with its proportions kept, until its longer side is 20 pixels, and its centre of mass is put into the image's centre.
 *
 * Strokes stay lines until the last moment, so that a digit drawn small has no thicker lines than one drawn large.
 */

export const side = 28;
const box = 20;
/** Half the width of a line, in pixels of the image: MNIST's pens are about that broad. */
const radius = 1.3;

/**
 * @param {readonly (readonly {x: number, y: number}[])[]} strokes lines of points, in any unit
 * @returns {Uint8Array} 28 x 28 bytes: 0 is paper, 255 is ink
 */
export function inkOf(strokes) {
  const points = strokes.flat();
  if (points.length === 0) return new Uint8Array(side * side);
  const [left, right] = extent(points.map(({ x }) => x));
  const [top, bottom] = extent(points.map(({ y }) => y));
  const longer = Math.max(right - left, bottom - top);
  // A mere dot stays a dot.
  const scale = longer > 0 ? (box - 2 * radius) / longer : 0;
  const place = (dx, dy) =>
    strokes.map((stroke) =>
      stroke.map(({ x, y }) => ({
        x: (x - (left + right) / 2) * scale + side / 2 + dx,
        y: (y - (top + bottom) / 2) * scale + side / 2 + dy,
      })),
    );
  const centred = paint(place(0, 0));
  const mass = centreOfMass(centred);
  return paint(place(side / 2 - mass.x, side / 2 - mass.y));
}

function extent(numbers) {
  return [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))];
}

/** Full ink within the line, none a pixel further. */
function paint(strokes) {
  const image = new Uint8Array(side * side);
  for (const stroke of strokes)
    stroke.forEach((to, i) => {
      const from = stroke[Math.max(0, i - 1)];
      const reach = radius + 0.5;
      const [left, right] = extent([from.x, to.x]);
      const [top, bottom] = extent([from.y, to.y]);
      for (let y = Math.max(0, Math.floor(top - reach)); y < Math.min(side, bottom + reach); y++)
        for (let x = Math.max(0, Math.floor(left - reach)); x < Math.min(side, right + reach); x++) {
          const distance = distanceToLine(x + 0.5, y + 0.5, from, to);
          const ink = Math.round(255 * Math.min(1, Math.max(0, reach - distance)));
          image[y * side + x] = Math.max(image[y * side + x], ink);
        }
    });
  return image;
}

function distanceToLine(x, y, from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length2 = dx * dx + dy * dy;
  const along = length2 > 0 ? ((x - from.x) * dx + (y - from.y) * dy) / length2 : 0;
  const nearest = Math.min(1, Math.max(0, along));
  return Math.sqrt((x - from.x - nearest * dx) ** 2 + (y - from.y - nearest * dy) ** 2);
}

function centreOfMass(image) {
  let [mass, x, y] = [0, 0, 0];
  image.forEach((ink, at) => {
    mass += ink;
    x += ink * ((at % side) + 0.5);
    y += ink * (Math.floor(at / side) + 0.5);
  });
  return { x: x / mass, y: y / mass };
}
