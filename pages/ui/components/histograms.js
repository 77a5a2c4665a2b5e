// Histograms: bars stacked by class, all particles as an outline. A range dragged across one is sent to the server.
// `S` is the state of all panels; a panel's element keeps its x axis in element.x.
const MIN_WIDTH_PX = 220, MIN_DRAG_PX = 4, FOOT_PX = 42, FOOT_WITHOUT_TITLE_PX = 22, HEAD_PX = 22;
const TICKS_UP = 4, TICK_PX = 48, RANGE_OPACITY = 0.12;

const stackHeight = (panel, k) => panel.groups.reduce((sum, group) => sum + group.counts[k], 0);
const highest = panel =>
  Math.max(1, ...panel.edges.slice(1).map((_, k) => Math.max(stackHeight(panel, k), panel.all?.[k] ?? 0)));
const wholeTicks = panel => roundTicks(0, highest(panel), TICKS_UP).filter(value => value % 1 === 0);

const drawBars = (pen, panel, x, y) => {
  // Bars end on device pixels, so that there is no seam between two of them.
  const ratio = window.devicePixelRatio || 1, snap = px => Math.round(px * ratio) / ratio;
  const base = new Array(panel.edges.length - 1).fill(0);
  for (const group of panel.groups) {
    pen.fillStyle = group.colour;
    group.counts.forEach((count, k) => {
      const left = snap(x.place(panel.edges[k])), right = snap(x.place(panel.edges[k + 1]));
      const bottom = snap(y.place(base[k])), top = snap(y.place(base[k] + count));
      if (count) pen.fillRect(left, top, right - left, bottom - top);
      base[k] += count;
    });
  }
};
const drawOutline = (pen, panel, x, y, colour) => {
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  panel.all.forEach((count, k) => {
    pen.lineTo(x.place(panel.edges[k]), y.place(count));
    pen.lineTo(x.place(panel.edges[k + 1]), y.place(count));
  });
  pen.stroke();
};
const drawThreshold = (pen, at, top, foot, colour) => {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.setLineDash([2, 3]);
  pen.beginPath();
  pen.moveTo(at, top);
  pen.lineTo(at, foot);
  pen.stroke();
  pen.setLineDash([]);
};

const drawPanel = (S, index, panel) => {
  const box = S.panels.children[index], [under, over] = box.querySelectorAll('canvas');
  const width = box.clientWidth, height = box.clientHeight, inks = inksOf(S.box);
  if (!width) return;
  const pen = penOn(under, width, height), top = panel.heading ? HEAD_PX : 8;
  const foot = height - (panel.title ? FOOT_PX : FOOT_WITHOUT_TITLE_PX);
  pen.font = inks.font;
  const yTicks = wholeTicks(panel), yTitle = panel.y_title, titleWidth = yTitle ? TEXT_PX + 6 : 0;
  // Panels below each other have their x axes aligned.
  const aligned = S.data.across > 1 ? [panel] : S.data.panels;
  const left = titleWidth + Math.max(...aligned.map(other => yLabelsWidth(pen, wholeTicks(other)))) + TICK_GAP + 2;
  const x = axisFrom(panel.edges[0], panel.edges[panel.edges.length - 1], left, width - 10, false);
  const y = axisFrom(0, 1.04 * highest(panel), foot, top, false);
  box.x = x;
  const xTicks = x.ticks((x.end - left) / TICK_PX);
  drawAxes(pen, inks, x, y, { xTicks, yTicks, xWords: panel.title ?? '', yWords: yTitle });
  if (panel.heading) {
    pen.textAlign = 'left';
    pen.font = `600 ${inks.font}`;
    pen.fillText(panel.heading, left, 2);
  }
  drawBars(pen, panel, x, y);
  if (panel.all) drawOutline(pen, panel, x, y, S.data.outline);
  if (panel.mark !== null) drawThreshold(pen, x.place(panel.mark), top, foot, inks.text);
  box.drawRange = () => drawRange(S, box, over, panel, top, foot);
  box.drawRange();
};
const drawRange = (S, box, over, panel, top, foot) => {
  const pen = penOn(over, box.clientWidth, box.clientHeight), range = S.drafts.get(panel.name) ?? panel.range;
  if (!range) return;
  const { x } = box, clamped = value => Math.max(x.start, Math.min(x.end, x.place(value)));
  const left = range[0] === null ? x.start : clamped(range[0]), right = range[1] === null ? x.end : clamped(range[1]);
  pen.fillStyle = pen.strokeStyle = inksOf(S.box).accent;
  pen.globalAlpha = RANGE_OPACITY;
  pen.fillRect(left, top, right - left, foot - top);
  pen.globalAlpha = 1;
  pen.lineWidth = 1.5;
  pen.beginPath();
  range.forEach((end, k) => {
    if (end === null || x.place(end) < x.start || x.place(end) > x.end) return;
    pen.moveTo(k ? right : left, top);
    pen.lineTo(k ? right : left, foot);
  });
  pen.stroke();
};

const showBar = (S, box, panel, event) => {
  const { x } = box, pointer = pointerIn(box, event);
  const k = Math.floor(((pointer.x - x.start) / (x.end - x.start)) * (panel.edges.length - 1));
  if (panel.edges[k] === undefined || panel.edges[k + 1] === undefined) return showNote(S.note, S.box, null);
  const low = shortWords(panel.edges[k]), isOpen = k === panel.edges.length - 2 && panel.open;
  const lines = [isOpen ? `≥ ${low}` : `${low} to ${shortWords(panel.edges[k + 1])}`];
  for (const group of panel.groups)
    if (group.counts[k]) lines.push(`${group.name} ${group.counts[k].toLocaleString('en')}`);
  if (panel.all) lines.push(`unfiltered ${panel.all[k].toLocaleString('en')}`);
  const inBox = pointerIn(S.box, event);
  showNote(S.note, S.box, lines, inBox.x, inBox.y);
};

// Dragging across a panel selects a range of its measure.
const listenToBrush = (S, box, panel) => {
  const [, over] = box.querySelectorAll('canvas');
  const positionOf = event => Math.max(box.x.start, Math.min(box.x.end, pointerIn(over, event).x));
  // A range that reaches an end of the axis is open there: the last bar contains all larger values.
  const rangeTo = position => {
    const [low, high] = [box.dragFrom, position].sort((a, b) => a - b);
    return [low <= box.x.start + 1 ? null : box.x.value(low), high >= box.x.end - 1 ? null : box.x.value(high)];
  };
  const clear = () => panel.range && S.send('range', { name: panel.name, low: null, high: null });
  const stop = () => {
    box.dragFrom = undefined;
    S.drafts.delete(panel.name);
    box.drawRange();
  };
  over.onpointerdown = event => {
    if (event.button || !box.x) return;
    over.setPointerCapture(event.pointerId);
    box.dragFrom = positionOf(event);
    showNote(S.note, S.box, null);
  };
  over.onpointermove = event => {
    if (!box.x) return;
    if (box.dragFrom === undefined) return showBar(S, box, panel, event);
    S.drafts.set(panel.name, rangeTo(positionOf(event)));
    box.drawRange();
  };
  over.onpointerup = event => {
    if (box.dragFrom === undefined) return;
    const [low, high] = rangeTo(positionOf(event));
    const isClick = Math.abs(positionOf(event) - box.dragFrom) < MIN_DRAG_PX;
    stop();
    if (isClick) return;
    panel.range = low === null && high === null ? null : [low, high];
    box.drawRange();
    S.send('range', { name: panel.name, low, high });
  };
  over.onpointercancel = stop;
  over.ondblclick = clear;
  box.onkeydown = event => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    event.stopPropagation();
    box.dragFrom === undefined ? clear() : stop();
  };
};

const update = S => {
  const { data, panels } = S;
  panels.setAttribute('aria-label', data.alt);
  S.find('.hint').hidden = !data.brushed;
  panels.style.gridTemplateColumns = data.across > 1 ? `repeat(auto-fit, minmax(${MIN_WIDTH_PX}px, 1fr))` : '1fr';
  while (panels.children.length > data.panels.length) panels.lastChild.remove();
  data.panels.forEach((panel, index) => {
    const box = panels.children[index] ?? panels.appendChild(element('div', 'panel'));
    if (!box.children.length) box.append(element('canvas'), element('canvas'));
    box.style.height = `${data.height - (panel.title ? 0 : FOOT_PX - FOOT_WITHOUT_TITLE_PX)}px`;
    box.setAttribute('role', 'group');
    box.setAttribute('aria-label', panel.heading ?? panel.title);
    box.classList.toggle('brushed', data.brushed);
    if (data.brushed) {
      box.tabIndex = 0;
      listenToBrush(S, box, panel);
    } else box.lastChild.onpointermove = event => box.x && showBar(S, box, panel, event);
    box.onpointerleave = () => showNote(S.note, S.box, null);
  });
  drawPanels(S);
};
const drawPanels = S => S.data?.panels.forEach((panel, index) => drawPanel(S, index, panel));

const createHistograms = box => {
  const find = name => box.querySelector(name);
  const S = { box, find, panels: find('.panels'), note: find('.note'), drafts: new Map() };
  S.update = () => update(S);
  keepDrawn(box, () => drawPanels(S));
  return S;
};
export default mountPlot(createHistograms);
