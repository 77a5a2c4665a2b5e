const PX = 64;
// The noise curve, in px: room for numbers at the left, height of the plot.
const LEFT = 44, RIGHT = 12, TOP = 8, FOOT = 80;
// The gallery, in px: names, a cell, the gap between blocks.
const NAME_PX = 80, CELL_PX = 84, BLOCK_GAP = 32;
const VIEWS = ['noisy', 'clean', 'changed'];
const ROWS = [['noisy', 'Noisy input'], ['clean', 'Predicted clean']];

const element = (name, text, parent, className = '') => {
  const node = document.createElement(name);
  node.textContent = text;
  node.className = className;
  parent.append(node);
  return node;
};
const canvas = (parent, title, className = '') => {
  const node = element('canvas', '', parent, className);
  node.width = node.height = PX;
  node.title = title;
  return node;
};
const shape = (name, attributes, svg, text = '') => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  node.textContent = text;
  svg.append(node);
  return node;
};
const picture = code => {
  const image = new Image();
  image.src = 'data:image/jpeg;base64,' + code;
  return image;
};
const level = sigma => (sigma === 0 ? '0' : sigma.toFixed(sigma >= 10 ? 0 : sigma >= 0.1 ? 2 : 3));
// One tile of a sheet: rows are particles, columns steps.
const cut = (target, sheet, column, row) => {
  if (sheet.complete && sheet.naturalWidth)
    target.getContext('2d').drawImage(sheet, column * PX, row * PX, PX, PX, 0, 0, PX, PX);
};

// Where the scrubber starts: at the finished image; with a gallery, which has that one, at the middle one that it lacks.
const firstShown = data => {
  const last = data.sigmas.length - 1, taken = new Set(data.chosen.map(({ step }) => step));
  if (!taken.size) return last;
  const open = data.sigmas.map((_, at) => at).filter(at => !taken.has(at));
  return open.length ? open[Math.floor(open.length / 2)] : last;
};

// Without a gallery: the current step alone, noisy input above the predicted clean image.
const createStage = (stage, data, sheets, S) => {
  stage.replaceChildren();
  stage.hidden = data.chosen.length > 0;
  stage.style.setProperty('--n', data.names.length);
  stage.setAttribute('aria-label', data.alt);
  const rows = ROWS.map(([view, title]) => {
    element('div', title, stage, 'name');
    return [view, data.names.map(name => canvas(stage, name.join(', ')))];
  });
  return () => rows.forEach(([view, row]) => row.forEach((target, i) => cut(target, sheets[view], S.at, i)));
};

// The step gallery: particles down, the scrubber's step and the chosen steps across; several blocks in a wide window.
const createGallery = (gallery, data, sheets, S, go) => {
  const called = at => data.steps[at], last = data.sigmas.length - 1;
  let heads = [], cells = [], live = [], blocks = 0;
  const head = (strip, step, title, k) => {
    const node = element('button', '', strip, k === null ? 'head on' : 'head');
    element('b', title, node);
    const where = element('span', `step ${called(step)}`, node), note = element('span', '', node);
    heads.push({ node, where, note, k });
    if (k !== null) node.onclick = () => go(step);
    return node;
  };
  const draw = () => {
    const isChange = S.view === 'changed';
    cells.forEach(({ target, step, k, row }) => cut(target, sheets[S.view], isChange ? k : step, row));
    live.forEach(({ target, row }) => cut(target, sheets[isChange ? 'clean' : S.view], S.at, row));
    const reached = data.chosen.filter(({ step }) => step <= S.at).length - 1;
    heads.forEach(({ node, where, note, k }) => {
      if (k === null) {
        where.textContent = `step ${called(S.at)}`;
        note.textContent = `σ ${level(data.sigmas[S.at])}`;
        return;
      }
      const { step, gain } = data.chosen[k];
      note.textContent = isChange ? (k ? `contrast ×${gain}` : 'start') : `σ ${level(data.sigmas[step])}`;
      node.classList.toggle('on', k === reached);
    });
  };
  const build = () => {
    const width = NAME_PX + (data.chosen.length + 1) * CELL_PX + BLOCK_GAP;
    const most = Math.max(1, Math.min(data.names.length, Math.floor((gallery.clientWidth + BLOCK_GAP) / width)));
    const rows = Math.ceil(data.names.length / most);
    if (!data.chosen.length || blocks === Math.ceil(data.names.length / rows)) return;
    blocks = Math.ceil(data.names.length / rows);
    gallery.replaceChildren();
    [heads, cells, live] = [[], [], []];
    for (let first = 0; first < data.names.length; first += rows) {
      const strip = element('div', '', gallery, 'strip');
      strip.style.setProperty('--k', data.chosen.length + 1);
      element('div', '', strip);
      head(strip, S.at, 'Now', null);
      data.chosen.forEach(({ step }, k) => head(strip, step, `${Math.round((100 * called(step)) / called(last))} %`, k));
      data.names.slice(first, first + rows).forEach((name, i) => {
        const title = element('div', '', strip, 'name');
        name.slice(0, 2).forEach(text => element('div', text, title));
        live.push({ target: canvas(strip, name.join(', '), 'live'), row: first + i });
        data.chosen.forEach(({ step }, k) =>
          cells.push({ target: canvas(strip, name.join(', ')), step, k, row: first + i }));
      });
    }
    draw();
  };
  return { draw, build };
};

// Noise level over steps on a log scale, with the scrubber's slider under it; the last step's 0 is at the foot.
const createCurve = (svg, slider, data, S) => {
  const last = data.sigmas.length - 1;
  const logs = data.sigmas.filter(sigma => sigma > 0).map(Math.log10);
  const low = Math.floor(Math.min(...logs)), high = Math.ceil(Math.max(...logs)), every = Math.ceil((high - low) / 3);
  const y = sigma => (sigma > 0 ? TOP + ((high - Math.log10(sigma)) / (high - low)) * (FOOT - TOP - 14) : FOOT);
  const x = step => LEFT + (step / last) * (svg.clientWidth - LEFT - RIGHT);
  let now, mark;
  const place = () => {
    if (!mark) return;
    mark.setAttribute('cx', x(S.at));
    mark.setAttribute('cy', y(data.sigmas[S.at]));
    now.setAttribute('x1', x(S.at));
    now.setAttribute('x2', x(S.at));
  };
  const draw = () => {
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
    now = shape('line', { class: 'now', y1: TOP, y2: FOOT + 12 }, svg);
    mark = shape('circle', { class: 'mark', r: 7 }, svg);
    // The slider's thumb, 16 px wide, stands under the marker.
    slider.style.marginLeft = `${LEFT - 8}px`;
    slider.style.width = `${right - LEFT + 16}px`;
    place();
  };
  const stepAt = event => Math.round(((event.clientX - svg.getBoundingClientRect().left - LEFT) / (x(last) - LEFT)) * last);
  return { draw, place, stepAt };
};

export default function ({ data, parentElement, setStateValue }) {
  const box = parentElement.querySelector('.box'), find = name => box.querySelector(name);
  if (!data || box.version === data.version) return;
  box.version = data.version;
  // Positions of frames; the steps they stand for have numbers of their own where not all were kept.
  const last = data.sigmas.length - 1, called = at => data.steps[at];
  const S = (box.S ??= { at: firstShown(data), view: data.view });
  clearInterval(S.timer);
  S.timer = null;
  if (S.source !== data.source) Object.assign(S, { source: data.source, at: firstShown(data) });
  box.classList.toggle('with-gallery', data.chosen.length > 0);
  find('.top').hidden = !data.chosen.length;

  const sheets = { noisy: picture(data.noisy), clean: picture(data.clean) };
  if (data.changed) sheets.changed = picture(data.changed);
  const slider = find('input'), svg = find('svg');
  const go = step => {
    S.at = Math.max(0, Math.min(last, step));
    draw();
  };
  const pause = () => {
    clearInterval(S.timer);
    S.timer = null;
    draw();
  };
  const jump = step => { pause(); go(step); };
  const drawStage = createStage(find('.stage'), data, sheets, S);
  const gallery = createGallery(find('.gallery'), data, sheets, S, jump);
  const curve = createCurve(svg, slider, data, S);
  if (!data.chosen.length) find('.gallery').replaceChildren();

  const views = [...find('.views').querySelectorAll('button')];
  const markView = () => views.forEach((button, k) => button.setAttribute('aria-pressed', VIEWS[k] === S.view));
  views.forEach((button, k) => {
    button.onclick = () => { S.view = VIEWS[k]; markView(); gallery.draw(); setStateValue('view', S.view); };
  });
  const draw = () => {
    drawStage();
    gallery.draw();
    curve.place();
    slider.value = S.at;
    slider.setAttribute('aria-valuetext', `step ${called(S.at)} of ${called(last)}`);
    find('.where').textContent = `Step ${called(S.at)} of ${called(last)} · σ ${level(data.sigmas[S.at])}`;
    find('.play').textContent = S.timer ? 'Pause' : 'Play';
  };
  const play = () => {
    if (S.at === last) S.at = 0;
    S.timer = setInterval(() => (S.at < last ? go(S.at + 1) : pause()), 1000 / find('.pace').value);
    draw();
  };
  slider.max = last;
  slider.oninput = () => jump(+slider.value);
  find('.play').onclick = () => (S.timer ? pause() : play());
  find('.back').onclick = () => jump(S.at - 1);
  find('.on').onclick = () => jump(S.at + 1);
  find('.pace').onchange = () => { if (S.timer) { clearInterval(S.timer); play(); } };
  svg.onpointerdown = event => jump(curve.stepAt(event));

  Object.values(sheets).forEach(sheet => { sheet.onload = () => { drawStage(); gallery.draw(); }; });
  S.watch?.disconnect();
  S.watch = new ResizeObserver(() => { curve.draw(); gallery.build(); });
  S.watch.observe(svg);
  curve.draw();
  markView();
  gallery.build();
  draw();
}
