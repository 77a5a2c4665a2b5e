// Histograms: bars stacked by class, all particles in outline; a range drawn across one of them is told to the server.
const LEAST_WIDTH_PX = 220, LEAST_PX = 4, FOOT_PX = 42, BARE_FOOT_PX = 22, TITLE_PX = 22;
const TICKS_UP = 4, TICK_PX = 48, LOW_OPACITY = 0.12;

const begin = box => {
  const find = name => box.querySelector(name), panels = find('.panels'), note = find('.note');
  const S = { drafts: new Map() };

  // What stands in bar k, of all classes together; and of all particles, where they are drawn in outline.
  const sumAt = (panel, k) => panel.groups.reduce((sum, group) => sum + group.counts[k], 0);
  const widthOfLabels = (pen, panel) => yLabelsWidth(pen, ticksUp(panel));
  const highest = panel =>
    Math.max(1, ...panel.edges.slice(1).map((_, k) => Math.max(sumAt(panel, k), panel.all?.[k] ?? 0)));
  const ticksUp = panel => roundTicks(0, highest(panel), TICKS_UP).filter(value => value % 1 === 0);

  const paintPanel = (at, panel) => {
    const made = panels.children[at], [under, over] = made.querySelectorAll('canvas');
    const width = made.clientWidth, height = made.clientHeight, inks = inksOf(box);
    if (!width) return;
    const pen = penOn(under, width, height), top = panel.title ? TITLE_PX : 8;
    const foot = height - (panel.words ? FOOT_PX : BARE_FOOT_PX);
    pen.font = inks.font;
    const bars = panel.edges.length - 1, yTicks = ticksUp(panel), left = widthOfLabels(pen, panel) + TICK_GAP + 2;
    const x = axisFrom(panel.edges[0], panel.edges[bars], left, width - 10, false);
    const y = axisFrom(0, 1.04 * highest(panel), foot, top, false);
    made.x = x;
    drawAxes(pen, inks, x, y, { xTicks: x.ticks((x.end - left) / TICK_PX), yTicks, xWords: panel.words });
    if (panel.title) {
      pen.textAlign = 'left';
      pen.font = `600 ${inks.font}`;
      pen.fillText(panel.title, left, 2);
    }
    // Bars end on whole dots of the screen, so that there is no seam between two of them.
    const sharp = window.devicePixelRatio || 1, dot = place => Math.round(place * sharp) / sharp;
    const below = new Array(bars).fill(0);
    for (const group of panel.groups) {
      pen.fillStyle = group.colour;
      group.counts.forEach((count, k) => {
        const from = dot(x.place(panel.edges[k])), to = dot(x.place(panel.edges[k + 1]));
        const low = dot(y.place(below[k])), high = dot(y.place(below[k] + count));
        if (count) pen.fillRect(from, high, to - from, low - high);
        below[k] += count;
      });
    }
    if (panel.all) {
      pen.strokeStyle = S.data.outline;
      pen.lineWidth = 1;
      pen.beginPath();
      panel.all.forEach((count, k) => {
        pen.lineTo(x.place(panel.edges[k]), y.place(count));
        pen.lineTo(x.place(panel.edges[k + 1]), y.place(count));
      });
      pen.stroke();
    }
    if (panel.mark !== null) {
      pen.strokeStyle = inks.text;
      pen.lineWidth = 1.5;
      pen.setLineDash([2, 3]);
      pen.beginPath();
      pen.moveTo(x.place(panel.mark), top);
      pen.lineTo(x.place(panel.mark), foot);
      pen.stroke();
      pen.setLineDash([]);
    }
    paintRange(made, over, panel, top, foot);
  };
  const paintRange = (made, over, panel, top, foot) => {
    const pen = penOn(over, made.clientWidth, made.clientHeight), range = S.drafts.get(panel.name) ?? panel.range;
    made.repaint = () => paintRange(made, over, panel, top, foot);
    if (!range) return;
    const { x } = made, within = value => Math.max(x.start, Math.min(x.end, x.place(value)));
    const from = range[0] === null ? x.start : within(range[0]), to = range[1] === null ? x.end : within(range[1]);
    pen.fillStyle = pen.strokeStyle = inksOf(box).accent;
    pen.globalAlpha = LOW_OPACITY;
    pen.fillRect(from, top, to - from, foot - top);
    pen.globalAlpha = 1;
    pen.lineWidth = 1.5;
    pen.beginPath();
    range.forEach((end, k) => {
      if (end === null || x.place(end) < x.start || x.place(end) > x.end) return;
      pen.moveTo(k ? to : from, top);
      pen.lineTo(k ? to : from, foot);
    });
    pen.stroke();
  };

  const say = (made, panel, event) => {
    const place = made.getBoundingClientRect(), { x } = made, at = event.clientX - place.left;
    const k = Math.floor(((at - x.start) / (x.end - x.start)) * (panel.edges.length - 1));
    if (panel.edges[k] === undefined || panel.edges[k + 1] === undefined) return showNote(note, box, null);
    const from = shortWords(panel.edges[k]), isOpen = k === panel.edges.length - 2 && panel.open;
    const ends = isOpen ? `${from} and more` : `${from} to ${shortWords(panel.edges[k + 1])}`;
    const lines = [ends, ...panel.groups.filter(group => group.counts[k]).map(
      group => `${group.name} ${group.counts[k].toLocaleString('en')}`)];
    if (panel.all) lines.push(`of all ${panel.all[k].toLocaleString('en')}`);
    const whole = box.getBoundingClientRect();
    showNote(note, box, lines, event.clientX - whole.left, event.clientY - whole.top);
  };
  const brush = (made, panel) => {
    const [, over] = made.querySelectorAll('canvas');
    const placeOf = event =>
      Math.max(made.x.start, Math.min(made.x.end, event.clientX - over.getBoundingClientRect().left));
    // What reaches an end of the axis is open there: the last bar holds what is larger still.
    const rangeTo = place => {
      const [from, to] = [made.from, place].sort((a, b) => a - b);
      return [from <= made.x.start + 1 ? null : made.x.value(from), to >= made.x.end - 1 ? null : made.x.value(to)];
    };
    const clear = () => panel.range && S.send('range', { name: panel.name, low: null, high: null });
    const letGo = () => {
      made.from = undefined;
      S.drafts.delete(panel.name);
      made.repaint();
    };
    over.onpointerdown = event => {
      if (event.button || !made.x) return;
      over.setPointerCapture(event.pointerId);
      made.from = placeOf(event);
      showNote(note, box, null);
    };
    over.onpointermove = event => {
      if (!made.x) return;
      if (made.from === undefined) return say(made, panel, event);
      S.drafts.set(panel.name, rangeTo(placeOf(event)));
      made.repaint();
    };
    over.onpointerup = event => {
      if (made.from === undefined) return;
      const [low, high] = rangeTo(placeOf(event)), isClick = Math.abs(placeOf(event) - made.from) < LEAST_PX;
      letGo();
      if (isClick) return;
      panel.range = low === null && high === null ? null : [low, high];
      made.repaint();
      S.send('range', { name: panel.name, low, high });
    };
    over.onpointercancel = letGo;
    over.ondblclick = clear;
    made.onkeydown = event => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      event.stopPropagation();
      made.from === undefined ? clear() : letGo();
    };
  };

  const paint = () => S.data?.panels.forEach((panel, at) => paintPanel(at, panel));
  S.take = () => {
    const { data } = S;
    panels.setAttribute('aria-label', data.alt);
    find('.hint').hidden = !data.brushed;
    panels.style.gridTemplateColumns = data.across > 1 ? `repeat(auto-fit, minmax(${LEAST_WIDTH_PX}px, 1fr))` : '1fr';
    while (panels.children.length > data.panels.length) panels.lastChild.remove();
    data.panels.forEach((panel, at) => {
      const made = panels.children[at] ?? panels.appendChild(element('div', 'panel'));
      if (!made.children.length) made.append(element('canvas'), element('canvas'));
      made.style.height = `${data.height - (panel.words ? 0 : FOOT_PX - BARE_FOOT_PX)}px`;
      made.setAttribute('role', 'group');
      made.setAttribute('aria-label', panel.title ?? panel.words);
      made.classList.toggle('brushed', data.brushed);
      if (data.brushed) {
        made.tabIndex = 0;
        brush(made, panel);
      } else made.lastChild.onpointermove = event => made.x && say(made, panel, event);
      made.onpointerleave = () => showNote(note, box, null);
    });
    paint();
  };
  keepDrawn(box, paint);
  return S;
};

export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector('.box');
  if (!data) return;
  const S = (box.S ??= begin(box)), said = JSON.stringify(data);
  S.send = setTriggerValue;
  if (S.said === said) return;
  Object.assign(S, { said, data });
  S.take();
}
