// Scattergram: one point per particle, one measure over another. A lasso or box selection is sent to the server as a
// polygon in the units of the measures. `S` is the state of one plot; S.box holds its elements.
const PAD = 0.03;  // margin around the points, as a share of their range
const NEAR_ZERO = 0.05;  // an axis that would start below this share of the largest value starts at 0
const CORNER_STEP_PX = 4;  // between corners of a lasso
const MIN_DRAG_PX = 6;  // a smaller drag is a click
const ZOOM = 1.3, PAN_PX = 40, TICK_PX_X = 90, TICK_PX_Y = 60, FOOT_PX = 44;
const RING_PX = 6;
const SVG = 'http://www.w3.org/2000/svg';

const padded = (low, high, fromZero) => {
  const pad = high > low ? PAD * (high - low) : Math.abs(low) / 10 || 0.5;
  return [fromZero && low > 0 && low < NEAR_ZERO * high ? 0 : low - pad, high + pad];
};
const rangeOf = (values, groups, fromZero) => {
  let low = Infinity, high = -Infinity;
  for (const points of groups)
    for (const i of points) {
      if (values[i] < low) low = values[i];
      if (values[i] > high) high = values[i];
    }
  return low > high ? [0, 1] : padded(low, high, fromZero);
};

// [class number, its points] of the classes that are not hidden; dim: DIM for points outside of the selection, else 0.
const visible = (S, dim) =>
  S.data.looks.flatMap(({ name }, k) => (S.hidden.has(name) ? [] : [[k, S.sorted.of(k + dim)]]));
const visiblePoints = S => [...visible(S, DIM), ...visible(S, 0)].map(([, points]) => points);
const pointPosition = (S, i) =>
  [S.x.start + (S.u[i] - S.x.low) * S.x.perUnit, S.y.start + (S.v[i] - S.y.low) * S.y.perUnit];

const wholeView = S => {
  if (!S.grid) return [...rangeOf(S.u, visiblePoints(S), !S.data.log), ...rangeOf(S.v, visiblePoints(S), true)];
  const [u0, u1, v0, v1] = S.grid.full;
  return [...padded(u0, u1, !S.data.log), ...padded(v0, v1, true)];
};

const draw = S => {
  const width = S.plot.clientWidth, height = S.plot.clientHeight;
  if (!S.data || !(S.u || S.grid) || !width) return;
  const pen = penOn(S.find('.under'), width, height), inks = inksOf(S.box), foot = height - FOOT_PX;
  const [u0, u1, v0, v1] = S.view ?? wholeView(S);
  pen.font = inks.font;
  S.y = axisFrom(v0, v1, foot, 8, false);
  const yTicks = S.y.ticks((foot - 8) / TICK_PX_Y), left = TEXT_PX + 10 + yLabelsWidth(pen, yTicks) + TICK_GAP;
  S.x = axisFrom(u0, u1, left, width - 8, S.data.log);
  const xTicks = S.x.ticks((S.x.end - left) / TICK_PX_X), { across, up } = S.data;
  drawAxes(pen, inks, S.x, S.y, { xTicks, yTicks, xWords: across.title, yWords: up.title, upright: true });
  const count = S.grid ? S.grid.groups.length : S.sorted.order.length;
  if (S.grid) {
    S.mixed = mixedCells(S.grid, code => !S.hidden.has(S.data.looks[code & ~DIM].name));
    drawCells(pen, S.grid, S.mixed, S.data.looks, S.x, S.y);
  } else {
    const styled = dim => visible(S, dim).map(([k, of]) => [S.data.looks[k], of]);
    drawPoints(pen, [[styled(DIM), DIM_OPACITY], [styled(0), opacityOf(count)]], count, S.u, S.v, S.x, S.y);
  }
  if (!count) {
    pen.textAlign = 'center';
    pen.fillText('No points to draw.', (left + width) / 2, foot / 2);
  }
  S.nearest = null;
  S.find('.reset').disabled = !S.view;
  drawOverlay(S);
};

const drawOverlay = S => {
  if (!S.x) return;
  const pen = penOn(S.over, S.plot.clientWidth, S.plot.clientHeight), inks = inksOf(S.box);
  const polygon = S.draft ?? S.outline;
  if (polygon && polygon.xs.length > 1) {
    const path = new Path2D(), smallest = S.x.log ? 1e-9 * 10 ** S.x.low : -Infinity;
    polygon.xs.forEach((value, k) => path.lineTo(S.x.place(Math.max(value, smallest)), S.y.place(polygon.ys[k])));
    path.closePath();
    pen.save();
    pen.beginPath();
    pen.rect(S.x.start, S.y.end, S.x.end - S.x.start, S.y.start - S.y.end);
    pen.clip();
    paintOutline(pen, path, inks.accent);
    pen.restore();
  }
  if (S.hovered >= 0) {
    pen.strokeStyle = inks.text;
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.arc(...pointPosition(S, S.hovered), RING_PX, 0, 2 * Math.PI);
    pen.stroke();
  }
};

// Mark the point nearest to the pointer and show its values; pointer null: none.
const hover = (S, pointer) => {
  if (S.grid) return hoverCell(S, pointer);
  S.nearest ??= gridOf(visiblePoints(S), S.u, S.v, S.x, S.y);
  const i = pointer ? S.nearest(pointer.x, pointer.y) : -1, { across, up, looks } = S.data;
  if (i >= 0) {
    const values = [[across, S.xs], [up, S.ys]].map(([{ title }, column]) => `${title} ${shortWords(column[i])}`);
    showNote(S.note, S.plot, [looks[S.codes[i] & ~DIM].name, ...values], ...pointPosition(S, i));
  } else showNote(S.note, S.plot, null);
  if (S.hovered === i) return;
  S.hovered = i;
  drawOverlay(S);
};

// A polygon in units of the measures. A straight side on the screen is curved in them on a logarithmic axis, so it gets
// more corners there.
const polygonOf = (S, corners, log) => {
  const dense = corners.flatMap(([x, y], k) => {
    const [x1, y1] = corners[(k + 1) % corners.length], length = Math.hypot(x1 - x, y1 - y);
    const parts = log ? Math.max(1, Math.ceil(length / (2 * CORNER_STEP_PX))) : 1;
    return Array.from({ length: parts }, (_, n) => [x + (n / parts) * (x1 - x), y + (n / parts) * (y1 - y)]);
  });
  return { xs: dense.map(([x]) => S.x.value(x)), ys: dense.map(([, y]) => S.y.value(y)) };
};
const boxCorners = ([[x0, y0], [x1, y1]]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
const select = (S, outline) => {
  S.outline = outline;
  S.send('outline', { x: S.data.across.name, y: S.data.up.name, ...(outline ?? { xs: [], ys: [] }) });
  drawOverlay(S);
};
const clearSelection = S => (S.outline || S.data.narrowed) && select(S, null);

const zoom = (S, factor, pointer) => {
  const centre = pointer ?? { x: (S.x.start + S.x.end) / 2, y: (S.y.start + S.y.end) / 2 };
  const u = S.x.low + (centre.x - S.x.start) / S.x.perUnit, v = S.y.low + (centre.y - S.y.start) / S.y.perUnit;
  const scaled = (low, high, fixed) => [fixed - (fixed - low) / factor, fixed + (high - fixed) / factor];
  S.view = [...scaled(S.x.low, S.x.high, u), ...scaled(S.y.low, S.y.high, v)];
  draw(S);
  askForCells(S);
};
const pan = (S, dx, dy) => {
  const du = dx / S.x.perUnit, dv = dy / S.y.perUnit;
  S.view = [S.x.low - du, S.x.high - du, S.y.low - dv, S.y.high - dv];
  draw(S);
  askForCells(S);
};
const resetZoom = S => {
  S.view = null;
  draw(S);
  askForCells(S);
};

const listenToPointer = S => {
  const { over } = S;
  const clamp = ({ x, y }) => [Math.max(S.x.start, Math.min(S.x.end, x)), Math.max(S.y.end, Math.min(S.y.start, y))];
  over.onpointerdown = event => {
    if (event.button || !S.x) return;
    over.setPointerCapture(event.pointerId);
    hover(S, null);
    if (event.shiftKey) S.panFrom = pointerIn(over, event);
    else S.corners = [clamp(pointerIn(over, event))];
    over.classList.toggle('moving', event.shiftKey);
  };
  over.onpointermove = event => {
    if (!S.x) return;
    const pointer = pointerIn(over, event);
    if (S.panFrom) {
      pan(S, pointer.x - S.panFrom.x, pointer.y - S.panFrom.y);
      S.panFrom = pointer;
    } else if (S.corners) {
      const corner = clamp(pointer), [x, y] = S.corners[S.corners.length - 1], isBox = S.tool === 'frame';
      if (isBox) S.corners = [S.corners[0], corner];
      else if (Math.hypot(corner[0] - x, corner[1] - y) >= CORNER_STEP_PX) S.corners.push(corner);
      S.draft = polygonOf(S, isBox ? boxCorners(S.corners) : S.corners, false);
      drawOverlay(S);
    } else hover(S, pointer);
  };
  over.onpointerup = event => {
    const corners = S.corners ?? [], isBox = S.tool === 'frame';
    over.onpointercancel();
    const xs = corners.map(([x]) => x), ys = corners.map(([, y]) => y);
    const width = Math.max(...xs) - Math.min(...xs), height = Math.max(...ys) - Math.min(...ys);
    const isClick = (isBox ? Math.min(width, height) : Math.max(width, height)) < MIN_DRAG_PX;
    if (corners.length < 2 || isClick) return hover(S, pointerIn(over, event));
    select(S, isBox ? polygonOf(S, boxCorners(corners), false) : polygonOf(S, corners, S.x.log));
  };
  over.onpointercancel = () => {
    S.panFrom = S.corners = S.draft = null;
    over.classList.remove('moving');
    drawOverlay(S);
  };
  over.onpointerleave = () => S.x && !S.corners && hover(S, null);
  over.ondblclick = () => clearSelection(S);
  over.onwheel = event => {
    // The wheel alone scrolls the page; a pinch gesture arrives as a wheel event with Ctrl.
    if (!(event.ctrlKey || event.metaKey) || !S.x) return;
    event.preventDefault();
    zoom(S, Math.exp(-event.deltaY * (Math.abs(event.deltaY) < 40 ? 0.01 : 0.002)), pointerIn(over, event));
  };
};

const listenToKeys = S => {
  const actions = {
    Escape: () => (S.corners ? S.over.onpointercancel() : clearSelection(S)),
    '+': () => zoom(S, ZOOM),
    '=': () => zoom(S, ZOOM),
    '-': () => zoom(S, 1 / ZOOM),
    0: () => resetZoom(S),
    ArrowLeft: () => pan(S, PAN_PX, 0),
    ArrowRight: () => pan(S, -PAN_PX, 0),
    ArrowUp: () => pan(S, 0, PAN_PX),
    ArrowDown: () => pan(S, 0, -PAN_PX),
  };
  S.plot.onkeydown = event => {
    if (event.altKey || event.ctrlKey || event.metaKey || !S.x || !actions[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    actions[event.key]();
  };
};

const listenToTools = S => {
  const choose = tool => {
    S.tool = tool;
    for (const name of ['lasso', 'frame']) S.find('.' + name).setAttribute('aria-pressed', name === tool);
  };
  for (const name of ['lasso', 'frame']) S.find('.' + name).onclick = () => choose(name);
  choose('lasso');
  S.find('.in').onclick = () => zoom(S, ZOOM);
  S.find('.out').onclick = () => zoom(S, 1 / ZOOM);
  S.find('.reset').onclick = () => resetZoom(S);
};

const markerIcon = look => {
  const icon = document.createElementNS(SVG, 'svg'), path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', 'M5 5' + look.marker);
  path.setAttribute(look.hollow ? 'stroke' : 'fill', look.colour);
  if (look.hollow) path.setAttribute('fill', 'none');
  icon.setAttribute('viewBox', '0 0 10 10');
  icon.setAttribute('aria-hidden', 'true');
  icon.append(path);
  return icon;
};
const drawLegend = S => {
  const legend = S.find('.legend'), countOf = code => (S.grid ? S.grid.totalOf(code) : S.sorted.of(code).length);
  const present = S.data.looks.map((look, k) => [look, countOf(k), countOf(k + DIM)])
    .filter(([, selected, outside]) => selected + outside);
  while (legend.children.length > present.length) legend.lastChild.remove();
  present.forEach(([look, selected, outside], k) => {
    const button = legend.children[k] ?? legend.appendChild(element('button'));
    const total = (selected + outside).toLocaleString('en');
    const count = outside ? `${selected.toLocaleString('en')} of ${total}` : total;
    button.replaceChildren(markerIcon(look), `${look.name} (${count})`);
    button.setAttribute('aria-pressed', !S.hidden.has(look.name));
    button.title = 'Hide or show; double-click to show only this class';
    button.onclick = event => {
      const others = present.map(([other]) => other.name).filter(name => name !== look.name);
      if (event.detail === 2) S.hidden = new Set(others.every(name => S.hidden.has(name)) ? [] : others);
      else S.hidden.has(look.name) ? S.hidden.delete(look.name) : S.hidden.add(look.name);
      drawLegend(S);
      draw(S);
    };
  });
};

// Draw what the server has sent, as soon as the columns have arrived.
const update = S => {
  const { across, up, log } = S.data, columns = sharedCache('columns'), axes = `${across.column} ${up.column} ${log}`;
  S.outline = S.data.outline;
  S.grid = S.data.cells && unpackedCells(S.data.cells);
  S.plot.setAttribute('aria-label', S.data.alt);
  if (S.grid) {
    Object.assign(S, { axes, view: S.axes === axes ? S.view : null, u: null, hovered: -1 });
    drawLegend(S);
    draw(S);
    return;
  }
  if (!columns.has(across.column) || !columns.has(up.column)) {
    columns.subscribe(S.box, () => {
      if (S.box.isConnected) update(S);
      return false;
    });
    return;
  }
  if (S.axes !== axes || !S.u) {
    [S.xs, S.ys] = [columns.get(across.column), columns.get(up.column)];
    Object.assign(S, { axes, view: null, u: alongAxis(S.xs, log), v: S.ys });
  }
  S.codes = unpacked(S.data.codes, Uint8Array);
  S.sorted = sortedByCode(S.codes, S.u, S.v);
  S.hovered = -1;
  S.note.hidden = true;
  drawLegend(S);
  draw(S);
};

const createScattergram = box => {
  const find = name => box.querySelector(name);
  const S = { box, find, plot: find('.plot'), over: find('.over'), note: find('.note'), hidden: new Set(), view: null };
  listenToPointer(S);
  listenToKeys(S);
  listenToTools(S);
  S.update = () => update(S);
  keepDrawn(box, () => draw(S));
  return S;
};
export default mountPlot(createScattergram);
