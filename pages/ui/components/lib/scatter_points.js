// Points of a scattergram: sorted by class, drawn group by group, and found by position.
const DIM = 128, NOT_DRAWN = 255;  // in the code of a point: outside of the selection; filtered
const MARKER_UNITS = 7, CELL_PX = 12, NEAR_PX = 8;

const SOME = 5000, MANY = 20000;  // numbers of points from which on they are drawn smaller
const sizeOf = count => (count > MANY ? 4 : count > SOME ? 5 : 7);
const opacityOf = count => (count > MANY ? 0.5 : 0.75), DIM_OPACITY = 0.22;
const ROUNDS = 64;

// Values along the axis; NaN where they have no position on it.
const alongAxis = (values, log) => (log ? values.map(value => (value > 0 ? Math.log10(value) : NaN)) : values);

// Points with both values, sorted by code: those of code c are order[first[c]] to order[first[c + 1] - 1].
const sortedByCode = (codes, u, v) => {
  const first = new Uint32Array(258), count = codes.length;
  const isPoint = i => codes[i] !== NOT_DRAWN && u[i] - u[i] === 0 && v[i] - v[i] === 0;
  for (let i = 0; i < count; i++) if (isPoint(i)) first[codes[i] + 1]++;
  for (let c = 1; c < 258; c++) first[c] += first[c - 1];
  const order = new Uint32Array(first[257]), next = first.slice();
  for (let i = 0; i < count; i++) if (isPoint(i)) order[next[codes[i]]++] = i;
  return { order, first, of: code => order.subarray(first[code], first[code + 1]) };
};

// A marker as the device pixels it covers: their offsets from its centre and how much of each is covered.
const stampOf = (look, sizePx, opacity) => {
  const sharp = window.devicePixelRatio || 1, scale = (sizePx / MARKER_UNITS) * sharp;
  const half = Math.ceil(0.65 * sizePx * sharp + 1), canvas = document.createElement('canvas');
  canvas.width = canvas.height = 2 * half;
  const pen = canvas.getContext('2d', { willReadFrequently: true }), path = new Path2D('M0 0' + look.marker);
  pen.setTransform(scale, 0, 0, scale, half, half);
  pen.fillStyle = pen.strokeStyle = look.colour;
  pen.lineWidth = (1.1 * sharp) / scale;
  look.hollow ? pen.stroke(path) : pen.fill(path);
  const covered = pen.getImageData(0, 0, 2 * half, 2 * half).data, dots = [];
  for (let k = 0; k < 4 * half * half; k++)
    if (covered[4 * k + 3]) {
      const dx = (k % (2 * half)) - half, dy = Math.floor(k / (2 * half)) - half;
      dots.push([dx, dy, (opacity * covered[4 * k + 3]) / 255]);
    }
  const colour = parseInt(pen.fillStyle.slice(1), 16);
  return { half, dots, red: colour >> 16, green: (colour >> 8) & 255, blue: colour & 255 };
};

// Blends points device pixel by device pixel: many times faster than drawing them on a canvas.
// x and y are axes; edge: room for markers at the border, in device pixels.
const layerFor = (x, y, edge) => {
  const sharp = window.devicePixelRatio || 1;
  const wide = Math.ceil((x.end - x.start) * sharp) + 2 * edge, high = Math.ceil((y.start - y.end) * sharp) + 2 * edge;
  const ku = x.perUnit * sharp, u0 = edge - x.low * ku, kv = y.perUnit * sharp, v0 = high - edge - y.low * kv;
  const inks = new Float32Array(4 * wide * high);  // premultiplied red, green, blue; coverage
  const add = (points, stamp, u, v) => {
    const { red, green, blue } = stamp, away = stamp.dots.map(([dx, dy]) => 4 * (dy * wide + dx)), count = away.length;
    const covers = Float32Array.from(stamp.dots, ([, , cover]) => cover), offsets = Int32Array.from(away);
    for (let k = 0; k < points.length; k++) {
      const i = points[k], across = Math.round(u0 + u[i] * ku), down = Math.round(v0 + v[i] * kv);
      if (across < edge || across > wide - edge || down < edge || down > high - edge) continue;
      const middle = 4 * (down * wide + across);
      for (let d = 0; d < count; d++) {
        const at = middle + offsets[d], cover = covers[d], rest = 1 - cover;
        inks[at] = inks[at] * rest + red * cover;
        inks[at + 1] = inks[at + 1] * rest + green * cover;
        inks[at + 2] = inks[at + 2] * rest + blue * cover;
        inks[at + 3] = inks[at + 3] * rest + cover;
      }
    }
  };
  const put = pen => {
    const canvas = Object.assign(document.createElement('canvas'), { width: wide, height: high });
    const shown = new ImageData(wide, high), { data } = shown;
    for (let at = 0; at < inks.length; at += 4) {
      const cover = inks[at + 3];
      if (!cover) continue;
      data[at] = inks[at] / cover;
      data[at + 1] = inks[at + 1] / cover;
      data[at + 2] = inks[at + 2] / cover;
      data[at + 3] = 255 * cover;
    }
    canvas.getContext('2d').putImageData(shown, 0, 0);
    pen.save();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(canvas, Math.round(x.start * sharp) - edge, Math.round(y.start * sharp) - (high - edge));
    pen.restore();
  };
  return { add, put };
};

// Draws `count` points in passes, each [list of [look, points], opacity], later ones on top. x and y are axes.
const drawPoints = (pen, passes, count, u, v, x, y) => {
  const stamped = passes.map(([groups, opacity]) => groups
    // Hollow markers at the bottom, the rarest class on top: none covers a rarer class.
    .sort(([a, points], [b, others]) => b.hollow - a.hollow || others.length - points.length)
    .map(([look, points]) => [points, stampOf(look, sizeOf(count), opacity)]));
  const layer = layerFor(x, y, Math.max(0, ...stamped.flat().map(([, stamp]) => stamp.half)));
  // Very many points are drawn in rounds, so that the mixture is visible and not only the last class.
  const rounds = count > MANY ? ROUNDS : 1, upTo = (points, round) => Math.floor((round * points.length) / rounds);
  for (const groups of stamped)
    for (let round = 0; round < rounds; round++)
      for (const [points, stamp] of groups)
        layer.add(points.subarray(upTo(points, round), upTo(points, round + 1)), stamp, u, v);
  layer.put(pen);
};

// Index of the points by cells of a grid; returns a function (x, y) => nearest point within NEAR_PX, or -1.
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
