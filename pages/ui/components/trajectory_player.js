const PX = 64;
// The curve, in px: room for numbers at the left, height of the plot.
const LEFT = 44, RIGHT = 12, TOP = 10, FOOT = 108;
// The strip, in px: its names, a cell, the room between blocks.
const NAME_PX = 80, CELL_PX = 100, BLOCK_GAP = 32;
const VIEWS = ['noisy', 'clean', 'changed'];

const element = (name, words, parent, className = '') => {
  const made = document.createElement(name);
  made.textContent = words;
  made.className = className;
  parent.append(made);
  return made;
};
const canvas = (parent, title) => {
  const made = element('canvas', '', parent);
  made.width = made.height = PX;
  made.title = title;
  return made;
};
const shape = (name, given, svg, words = '') => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  Object.entries(given).forEach(([key, value]) => made.setAttribute(key, value));
  made.textContent = words;
  svg.append(made);
  return made;
};
const picture = code => {
  const made = new Image();
  made.src = 'data:image/jpeg;base64,' + code;
  return made;
};
const level = sigma => (sigma === 0 ? '0' : sigma.toFixed(sigma >= 10 ? 0 : sigma >= 0.1 ? 2 : 3));

export default function ({ data, parentElement, setStateValue }) {
  const box = parentElement.querySelector('.box'), find = name => box.querySelector(name);
  if (!data || box.version === data.version) return;
  box.version = data.version;
  // Positions of frames; what their steps are called is another thing where not all were kept.
  const last = data.sigmas.length - 1, called = at => data.steps[at];
  const S = (box.S ??= { at: last, view: data.view });
  clearInterval(S.timer);
  S.timer = null;
  if (S.source !== data.source) Object.assign(S, { source: data.source, at: last });

  // Sheets: a row a particle, a column a step (in "changed" a chosen step).
  const sheets = { noisy: picture(data.noisy), clean: picture(data.clean) };
  if (data.changed) sheets.changed = picture(data.changed);
  const cut = (to, sheet, column, row) => {
    if (sheet.complete && sheet.naturalWidth)
      to.getContext('2d').drawImage(sheet, column * PX, row * PX, PX, PX, 0, 0, PX, PX);
  };

  // The stage: what the network is given, above what it takes it for.
  const stage = find('.stage');
  stage.replaceChildren();
  stage.style.setProperty('--n', data.names.length);
  stage.setAttribute('aria-label', data.alt);
  const shown = [['noisy', 'Noisy'], ['clean', 'Predicted clean']].map(([view, words]) => {
    element('div', words, stage, 'name');
    return [view, data.names.map(name => canvas(stage, name.join(', ')))];
  });
  const drawStage = () =>
    shown.forEach(([view, row]) => row.forEach((to, i) => cut(to, sheets[view], S.at, i)));

  // The strip: rows are particles, columns the chosen steps; in a wide window its rows stand in several blocks.
  const strips = find('.strips');
  let heads = [], cells = [], blocks = 0;
  find('.under').hidden = !data.chosen.length;
  const buildStrip = () => {
    const wide = NAME_PX + data.chosen.length * CELL_PX + BLOCK_GAP;
    const wanted = Math.max(1, Math.min(data.names.length, Math.floor((strips.clientWidth + BLOCK_GAP) / wide)));
    const rows = Math.ceil(data.names.length / wanted);
    if (blocks === Math.ceil(data.names.length / rows)) return;
    blocks = Math.ceil(data.names.length / rows);
    strips.replaceChildren();
    heads = [];
    cells = [];
    for (let first = 0; first < data.names.length; first += rows) {
      const strip = element('div', '', strips, 'strip');
      strip.style.setProperty('--k', data.chosen.length);
      element('div', '', strip);
      data.chosen.forEach(({ step }, k) => {
        const head = element('button', '', strip, 'head');
        element('b', `${Math.round((100 * called(step)) / called(last))} %`, head);
        element('span', `step ${called(step)}`, head);
        heads.push({ head, note: element('span', '', head), k });
        head.onclick = () => { pause(); go(step); };
      });
      data.names.slice(first, first + rows).forEach((name, i) => {
        const head = element('div', '', strip, 'name');
        name.slice(0, 2).forEach(words => element('div', words, head));
        data.chosen.forEach(({ step }, k) => cells.push({ to: canvas(strip, name.join(', ')), step, k, row: first + i }));
      });
    }
    drawStrip();
  };
  const drawStrip = () => {
    const isChange = S.view === 'changed';
    cells.forEach(({ to, step, k, row }) => cut(to, sheets[S.view], isChange ? k : step, row));
    heads.forEach(({ note, k }) => {
      const { step, gain } = data.chosen[k];
      note.textContent = isChange ? (k ? `drawn ×${gain}` : 'start') : `σ ${level(data.sigmas[step])}`;
    });
    find('.views').querySelectorAll('button').forEach((button, k) => {
      button.setAttribute('aria-pressed', VIEWS[k] === S.view);
      button.onclick = () => { S.view = VIEWS[k]; drawStrip(); setStateValue('view', S.view); };
    });
    markReached();
  };
  const markReached = () => {
    const reached = data.chosen.filter(({ step }) => step <= S.at).length - 1;
    heads.forEach(({ head, k }) => head.classList.toggle('on', k === reached));
  };

  // The curve: noise level over steps on a log scale; the last step's 0 is drawn at the foot.
  const svg = find('svg'), slider = find('input');
  const logs = data.sigmas.filter(sigma => sigma > 0).map(Math.log10);
  const low = Math.floor(Math.min(...logs)), high = Math.ceil(Math.max(...logs)), every = Math.ceil((high - low) / 4);
  const y = sigma =>
    sigma > 0 ? TOP + ((high - Math.log10(sigma)) / (high - low)) * (FOOT - TOP - 14) : FOOT;
  const x = step => LEFT + (step / last) * (svg.clientWidth - LEFT - RIGHT);
  let now, mark;
  const drawCurve = () => {
    const right = svg.clientWidth - RIGHT;
    if (right < LEFT) return;
    svg.replaceChildren();
    for (let power = high; power >= low; power -= every) {
      const at = y(10 ** power);
      shape('line', { class: 'grid', x1: LEFT, x2: right, y1: at, y2: at }, svg);
      shape('text', { x: LEFT - 8, y: at + 4, 'text-anchor': 'end' }, svg, (10 ** power).toFixed(Math.max(0, -power)));
    }
    shape('text', { x: LEFT - 8, y: FOOT + 4, 'text-anchor': 'end' }, svg, '0');
    shape('text', { x: LEFT + 8, y: FOOT + 4 }, svg, 'Noise level σ (log scale)');
    shape('polyline', { class: 'line', points: data.sigmas.map((s, k) => `${x(k)},${y(s)}`).join(' ') }, svg);
    data.sigmas.forEach((s, k) => shape('circle', { class: 'dot', cx: x(k), cy: y(s), r: 2 }, svg));
    now = shape('line', { class: 'now', y1: TOP, y2: FOOT + 16 }, svg);
    mark = shape('circle', { class: 'mark', r: 7 }, svg);
    // The slider's thumb, 16 px wide, stands under the marker.
    slider.style.marginLeft = `${LEFT - 8}px`;
    slider.style.width = `${right - LEFT + 16}px`;
    placeMark();
  };
  const placeMark = () => {
    if (!mark) return;
    mark.setAttribute('cx', x(S.at));
    mark.setAttribute('cy', y(data.sigmas[S.at]));
    now.setAttribute('x1', x(S.at));
    now.setAttribute('x2', x(S.at));
  };

  const draw = () => {
    drawStage();
    placeMark();
    slider.value = S.at;
    slider.setAttribute('aria-valuetext', `step ${called(S.at)} of ${called(last)}`);
    find('.where').textContent = `Step ${called(S.at)} of ${called(last)} · σ ${level(data.sigmas[S.at])}`;
    find('.play').textContent = S.timer ? 'Pause' : 'Play';
    markReached();
  };
  const go = step => {
    S.at = Math.max(0, Math.min(last, step));
    draw();
  };
  const pause = () => {
    clearInterval(S.timer);
    S.timer = null;
    draw();
  };
  const play = () => {
    if (S.at === last) S.at = 0;
    S.timer = setInterval(() => (S.at < last ? go(S.at + 1) : pause()), 1000 / find('.pace').value);
    draw();
  };
  slider.max = last;
  slider.oninput = () => { const to = +slider.value; pause(); go(to); };
  find('.play').onclick = () => (S.timer ? pause() : play());
  find('.back').onclick = () => { pause(); go(S.at - 1); };
  find('.on').onclick = () => { pause(); go(S.at + 1); };
  find('.pace').onchange = () => { if (S.timer) { clearInterval(S.timer); play(); } };
  svg.onpointerdown = event => {
    pause();
    go(Math.round(((event.clientX - svg.getBoundingClientRect().left - LEFT) / (x(last) - LEFT)) * last));
  };

  Object.values(sheets).forEach(sheet => { sheet.onload = () => { drawStage(); drawStrip(); }; });
  S.watch?.disconnect();
  S.watch = new ResizeObserver(() => { drawCurve(); buildStrip(); });
  S.watch.observe(svg);
  drawCurve();
  draw();
  buildStrip();
}
