// Points of a scattergram: where they lie on the screen, drawn group by group with stamps, and found again by place.
const DIM = 128, NOT_DRAWN = 255;  // in the code of a point: left out by what is drawn round; by the filter
const MARKER_UNITS = 7, CELL_PX = 12, NEAR_PX = 8;
const FULL = 4;  // points of a group on one pixel, after which more change nothing that can be seen

const sizeOf = count => (count > 20000 ? 4 : count > 5000 ? 5 : 7);
const opacityOf = count => (count > 20000 ? 0.5 : 0.75);

// Values as they lie along the axis; what has no place there is NaN.
const alongAxis = (values, log) => (log ? values.map(value => (value > 0 ? Math.log10(value) : NaN)) : values);

// Points with both values, sorted by code: order holds their numbers, those of code c from first[c] to first[c + 1].
const sortedByCode = (codes, u, v) => {
  const first = new Uint32Array(258), count = codes.length;
  const isPoint = i => codes[i] !== NOT_DRAWN && u[i] - u[i] === 0 && v[i] - v[i] === 0;
  for (let i = 0; i < count; i++) if (isPoint(i)) first[codes[i] + 1]++;
  for (let c = 1; c < 258; c++) first[c] += first[c - 1];
  const order = new Uint32Array(first[257]), next = first.slice();
  for (let i = 0; i < count; i++) if (isPoint(i)) order[next[codes[i]]++] = i;
  return { order, first, of: code => order.subarray(first[code], first[code + 1]) };
};

const stampOf = (look, sizePx, opacity) => {
  const sharp = window.devicePixelRatio || 1, scale = (sizePx / MARKER_UNITS) * sharp;
  const stamp = document.createElement('canvas');
  stamp.width = stamp.height = 2 * Math.ceil(0.65 * sizePx * sharp + 1);
  const pen = stamp.getContext('2d'), path = new Path2D('M0 0' + look.marker);
  pen.setTransform(scale, 0, 0, scale, stamp.width / 2, stamp.width / 2);
  pen.globalAlpha = opacity;
  pen.fillStyle = pen.strokeStyle = look.colour;
  pen.lineWidth = (1.1 * sharp) / scale;
  look.hollow ? pen.stroke(path) : pen.fill(path);
  return stamp;
};

// Draws these points; x and y are axes. room: a Uint8Array to count in, of the canvas' size.
const drawPoints = (pen, points, stamp, u, v, x, y, room) => {
  const sharp = window.devicePixelRatio || 1, half = stamp.width / 2, across = pen.canvas.width;
  const ku = x.perUnit * sharp, u0 = x.start * sharp - x.low * ku, kv = y.perUnit * sharp, v0 = y.start * sharp - y.low * kv;
  const left = x.start * sharp - half, right = x.end * sharp + half, top = y.end * sharp - half, foot = y.start * sharp + half;
  const many = points.length > 5000;
  if (many) room.fill(0);
  pen.save();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  for (let k = 0; k < points.length; k++) {
    const i = points[k], px = u0 + u[i] * ku, py = v0 + v[i] * kv;
    if (px < left || px > right || py < top || py > foot) continue;
    const at = Math.round(px), down = Math.round(py);
    if (many && room[down * across + at]++ >= FULL) { room[down * across + at] = FULL; continue; }
    pen.drawImage(stamp, at - half, down - half);
  }
  pen.restore();
};

// A grid over the plot, in which the point nearest to a place is found.
const gridOf = (groups, u, v, x, y) => {
  const across = Math.ceil((x.end - x.start) / CELL_PX) + 2, down = Math.ceil((y.start - y.end) / CELL_PX) + 2;
  const head = new Int32Array(Math.max(across * down, 1)).fill(-1), next = [], who = [];
  const px = i => x.start + (u[i] - x.low) * x.perUnit, py = i => y.start + (v[i] - y.low) * y.perUnit;
  const cell = (at, up) => [Math.floor((at - x.start) / CELL_PX) + 1, Math.floor((up - y.end) / CELL_PX) + 1];
  for (const points of groups)
    for (const i of points) {
      const [column, row] = cell(px(i), py(i));
      if (column < 0 || row < 0 || column >= across || row >= down) continue;
      next.push(head[row * across + column]);
      head[row * across + column] = who.push(i) - 1;
    }
  return (at, up) => {
    let best = -1, least = NEAR_PX ** 2;
    const [column, row] = cell(at, up);
    for (let r = Math.max(0, row - 1); r <= Math.min(down - 1, row + 1); r++)
      for (let c = Math.max(0, column - 1); c <= Math.min(across - 1, column + 1); c++)
        for (let k = head[r * across + c]; k >= 0; k = next[k]) {
          const far = (px(who[k]) - at) ** 2 + (py(who[k]) - up) ** 2;
          if (far < least) [best, least] = [who[k], far];
        }
    return best;
  };
};
