// One measure over another, a point a particle. What is drawn round is told to the server in the measures' own units.
const PAD = 0.03;  // room round the points, as a share of their spread
const NEAR_ZERO = 0.05;  // of the largest value
const STEP_PX = 4;  // between corners of what is drawn by hand
const LEAST_PX = 6;  // a smaller drawing is a click
const ZOOM = 1.3, TICK_PX_X = 90, TICK_PX_Y = 60;
const RING_PX = 6;

const endsOf = (values, groups, fromZero) => {
  let low = Infinity, high = -Infinity;
  for (const points of groups)
    for (const i of points) {
      if (values[i] < low) low = values[i];
      if (values[i] > high) high = values[i];
    }
  if (low > high) return [0, 1];
  const pad = high > low ? PAD * (high - low) : Math.abs(low) / 10 || 0.5;
  // An axis that would begin a little above 0 begins there.
  return [fromZero && low > 0 && low < NEAR_ZERO * high ? 0 : low - pad, high + pad];
};

const begin = box => {
  const find = name => box.querySelector(name), plot = find('.plot'), over = find('.over'), note = find('.note');
  const S = { tool: 'lasso', hidden: new Set(), view: null, draft: null, outline: null, send: null };

  // [number of the class, its points] of what is not hidden; dim: DIM for those left out by the outline, else 0.
  const listed = dim => S.data.looks.flatMap(({ name }, k) => (S.hidden.has(name) ? [] : [[k, S.sorted.of(k + dim)]]));
  const groups = () => [...listed(DIM), ...listed(0)].map(([, points]) => points);

  const paint = () => {
    const width = plot.clientWidth, height = plot.clientHeight;
    if (!S.data || !S.u || !width) return;
    const pen = penOn(find('.under'), width, height), inks = inksOf(box), all = groups(), foot = height - 44;
    const [u0, u1, v0, v1] = S.view ?? [...endsOf(S.u, all, !S.data.log), ...endsOf(S.v, all, true)];
    pen.font = inks.font;
    const up = axisFrom(v0, v1, foot, 8, false), yTicks = up.ticks((foot - 8) / TICK_PX_Y);
    const left = TEXT_PX + 10 + yLabelsWidth(pen, yTicks) + TICK_GAP;
    S.x = axisFrom(u0, u1, left, width - 8, S.data.log);
    S.y = up;
    const xTicks = S.x.ticks((S.x.end - left) / TICK_PX_X), { across, up: upwards } = S.data;
    drawAxes(pen, inks, S.x, S.y, { xTicks, yTicks, xWords: across.words, yWords: upwards.words, upright: true });
    const count = S.sorted.order.length, looked = dim => listed(dim).map(([k, points]) => [S.data.looks[k], points]);
    drawPoints(pen, [[looked(DIM), DIM_OPACITY], [looked(0), opacityOf(count)]], count, S.u, S.v, S.x, S.y);
    if (!count) {
      pen.textAlign = 'center';
      pen.fillText('No point to draw here.', (left + width) / 2, foot / 2);
    }
    S.nearest = null;
    find('.whole').disabled = !S.view;
    paintOver();
  };

  const paintOver = () => {
    if (!S.x) return;
    const pen = penOn(over, plot.clientWidth, plot.clientHeight), inks = inksOf(box), drawn = S.draft ?? S.outline;
    if (drawn && drawn.xs.length > 1) {
      const path = new Path2D(), least = S.x.log ? 1e-9 * 10 ** S.x.low : -Infinity;
      drawn.xs.forEach((value, k) => path.lineTo(S.x.place(Math.max(value, least)), S.y.place(drawn.ys[k])));
      path.closePath();
      pen.save();
      pen.beginPath();
      pen.rect(S.x.start, S.y.end, S.x.end - S.x.start, S.y.start - S.y.end);
      pen.clip();
      pen.strokeStyle = pen.fillStyle = inks.accent;
      pen.lineWidth = 1.5;
      pen.setLineDash([5, 3]);
      pen.stroke(path);
      pen.globalAlpha = 0.08;
      pen.fill(path, 'evenodd');
      pen.restore();
    }
    if (S.over >= 0) {
      pen.strokeStyle = inks.text;
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.arc(...placeOf(S.over), RING_PX, 0, 2 * Math.PI);
      pen.stroke();
    }
  };
  const placeOf = i => [S.x.start + (S.u[i] - S.x.low) * S.x.perUnit, S.y.start + (S.v[i] - S.y.low) * S.y.perUnit];

  const hover = at => {
    S.nearest ??= gridOf(groups(), S.u, S.v, S.x, S.y);
    const i = at ? S.nearest(at.x, at.y) : -1, { across, up, looks } = S.data;
    if (i >= 0) {
      const values = [[across, S.xs], [up, S.ys]].map(([{ words }, of]) => `${words} ${shortWords(of[i])}`);
      showNote(note, plot, [looks[S.codes[i] & ~DIM].name, ...values], ...placeOf(i));
    } else showNote(note, plot, null);
    if (S.over === i) return;
    S.over = i;
    paintOver();
  };

  // Corners in the measures' units. On a logarithmic axis a line that looks straight is none in them: more corners.
  const cornersOf = (places, log) => {
    const dense = places.flatMap(([x, y], k) => {
      const [x1, y1] = places[(k + 1) % places.length], far = Math.hypot(x1 - x, y1 - y);
      const parts = log ? Math.max(1, Math.ceil(far / (2 * STEP_PX))) : 1;
      return Array.from({ length: parts }, (_, n) => [x + (n / parts) * (x1 - x), y + (n / parts) * (y1 - y)]);
    });
    return { xs: dense.map(([x]) => S.x.value(x)), ys: dense.map(([, y]) => S.y.value(y)) };
  };
  const framed = ([[x0, y0], [x1, y1]]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  const tell = outline => {
    S.outline = outline;
    S.send('outline', { x: S.data.across.name, y: S.data.up.name, ...(outline ?? { xs: [], ys: [] }) });
    paintOver();
  };
  const clear = () => (S.outline || S.data.narrowed) && tell(null);
  const zoom = (times, at) => {
    const about = at ?? { x: (S.x.start + S.x.end) / 2, y: (S.y.start + S.y.end) / 2 };
    const u = S.x.low + (about.x - S.x.start) / S.x.perUnit, v = S.y.low + (about.y - S.y.start) / S.y.perUnit;
    const near = (low, high, middle) => [middle - (middle - low) / times, middle + (high - middle) / times];
    S.view = [...near(S.x.low, S.x.high, u), ...near(S.y.low, S.y.high, v)];
    paint();
  };
  const move = (dx, dy) => {
    const du = dx / S.x.perUnit, dv = dy / S.y.perUnit;
    S.view = [S.x.low - du, S.x.high - du, S.y.low - dv, S.y.high - dv];
    paint();
  };
  const whole = () => { S.view = null; paint(); };
  const at = event => {
    const place = over.getBoundingClientRect();
    return { x: event.clientX - place.left, y: event.clientY - place.top };
  };
  const inPlot = ({ x, y }) => [Math.max(S.x.start, Math.min(S.x.end, x)), Math.max(S.y.end, Math.min(S.y.start, y))];

  over.onpointerdown = event => {
    if (event.button || !S.x) return;
    over.setPointerCapture(event.pointerId);
    hover(null);
    if (event.shiftKey) S.from = at(event);
    else S.places = [inPlot(at(event))];
    over.classList.toggle('moving', event.shiftKey);
  };
  over.onpointermove = event => {
    if (!S.x) return;
    const here = at(event);
    if (S.from) {
      move(here.x - S.from.x, here.y - S.from.y);
      S.from = here;
    } else if (S.places) {
      const place = inPlot(here), [x, y] = S.places[S.places.length - 1];
      if (S.tool === 'frame') S.places = [S.places[0], place];
      else if (Math.hypot(place[0] - x, place[1] - y) >= STEP_PX) S.places.push(place);
      S.draft = cornersOf(S.tool === 'frame' ? framed([S.places[0], place]) : S.places, false);
      paintOver();
    } else hover(here);
  };
  over.onpointerup = event => {
    const places = S.places ?? [];
    over.onpointercancel();
    const xs = places.map(([x]) => x), ys = places.map(([, y]) => y);
    const wide = Math.max(...xs) - Math.min(...xs), high = Math.max(...ys) - Math.min(...ys);
    const isClick = (S.tool === 'frame' ? Math.min(wide, high) : Math.max(wide, high)) < LEAST_PX;
    if (places.length < 2 || isClick) return hover(at(event));
    tell(S.tool === 'frame' ? cornersOf(framed(places), false) : cornersOf(places, S.x.log));
  };
  over.onpointercancel = () => {
    S.from = S.places = S.draft = null;
    over.classList.remove('moving');
    paintOver();
  };
  over.onpointerleave = () => S.x && !S.places && hover(null);
  over.ondblclick = clear;
  over.onwheel = event => {
    // The wheel alone scrolls the page; a pinch comes as a wheel with Ctrl.
    if (!(event.ctrlKey || event.metaKey) || !S.x) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (Math.abs(event.deltaY) < 40 ? 0.01 : 0.002)), at(event));
  };
  plot.onkeydown = event => {
    if (event.altKey || event.ctrlKey || event.metaKey || !S.x) return;
    const far = 40, run = {
      Escape: () => (S.places ? over.onpointercancel() : clear()), '+': () => zoom(ZOOM), '=': () => zoom(ZOOM),
      '-': () => zoom(1 / ZOOM), 0: whole, ArrowLeft: () => move(far, 0), ArrowRight: () => move(-far, 0),
      ArrowUp: () => move(0, far), ArrowDown: () => move(0, -far),
    }[event.key];
    if (!run) return;
    event.preventDefault();
    event.stopPropagation();
    run();
  };

  const choose = tool => {
    S.tool = tool;
    for (const name of ['lasso', 'frame']) find('.' + name).setAttribute('aria-pressed', name === tool);
  };
  for (const name of ['lasso', 'frame']) find('.' + name).onclick = () => choose(name);
  choose('lasso');
  find('.in').onclick = () => zoom(ZOOM);
  find('.out').onclick = () => zoom(1 / ZOOM);
  find('.whole').onclick = whole;

  const nameClasses = () => {
    const legend = find('.legend'), svg = 'http://www.w3.org/2000/svg';
    const present = S.data.looks.map((look, k) => [look, S.sorted.of(k).length, S.sorted.of(k + DIM).length])
      .filter(([, bright, dim]) => bright + dim);
    while (legend.children.length > present.length) legend.lastChild.remove();
    present.forEach(([look, bright, dim], k) => {
      const button = legend.children[k] ?? legend.appendChild(element('button'));
      const sign = document.createElementNS(svg, 'svg'), path = document.createElementNS(svg, 'path');
      path.setAttribute('d', 'M5 5' + look.marker);
      path.setAttribute(look.hollow ? 'stroke' : 'fill', look.colour);
      if (look.hollow) path.setAttribute('fill', 'none');
      sign.setAttribute('viewBox', '0 0 10 10');
      sign.setAttribute('aria-hidden', 'true');
      sign.append(path);
      const total = (bright + dim).toLocaleString('en');
      button.replaceChildren(sign, `${look.name} (${dim ? `${bright.toLocaleString('en')} of ` : ''}${total})`);
      button.setAttribute('aria-pressed', !S.hidden.has(look.name));
      button.title = 'Hide or show; a double click shows this one only';
      button.onclick = event => {
        const others = present.map(([one]) => one.name).filter(name => name !== look.name);
        if (event.detail === 2) S.hidden = new Set(others.every(name => S.hidden.has(name)) ? [] : others);
        else S.hidden.has(look.name) ? S.hidden.delete(look.name) : S.hidden.add(look.name);
        nameClasses();
        paint();
      };
    });
  };

  // What the server has sent, as soon as the columns are there too.
  S.take = () => {
    const { across, up, log } = S.data, kept = sharedCache('columns'), axes = `${across.column} ${up.column} ${log}`;
    if (!kept.has(across.column) || !kept.has(up.column)) {
      kept.subscribe(box, () => { S.take(); return false; });
      return;
    }
    if (S.axes !== axes) {
      [S.xs, S.ys] = [kept.get(across.column), kept.get(up.column)];
      Object.assign(S, { axes, view: null, u: alongAxis(S.xs, log), v: S.ys });
    }
    S.codes = unpacked(S.data.codes, Uint8Array);
    S.sorted = sortedByCode(S.codes, S.u, S.v);
    S.over = -1;
    note.hidden = true;
    plot.setAttribute('aria-label', S.data.alt);
    nameClasses();
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
  Object.assign(S, { said, data, outline: data.outline });
  S.take();
}
