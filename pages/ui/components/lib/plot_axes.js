// Axes on a canvas: ticks, positions of values, lines and texts in the colours of the page's theme.
const TEXT_PX = 12, TICK_GAP = 6, TITLE_GAP = 10;
const LN_10 = Math.log(10);
const element = (name, className, words) => {
  const made = document.createElement(name);
  made.className = className ?? '';
  made.textContent = words ?? '';
  return made;
};

// About `count` round values from low to high.
const roundTicks = (low, high, count) => {
  const rough = (high - low) / Math.max(count, 1), ten = 10 ** Math.floor(Math.log10(rough)), times = rough / ten;
  const step = ten * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10), found = [];
  if (!(step > 0)) return [low];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++)
    found.push(+(k * step).toPrecision(12) + 0);
  return found;
};
// Ticks of a logarithmic axis; low and high are powers of ten.
const BETWEEN = [[9, [1, 2, 3, 4, 5, 6, 7, 8, 9]], [5, [1, 2, 3, 5, 7]], [3, [1, 2, 5]], [0, [1]]];  // [ticks per decade that fit, multiples drawn]
const logTicks = (low, high, count) => {
  if (high - low < 0.7) return roundTicks(10 ** low, 10 ** high, count).filter(value => value > 0);
  const room = count / (high - low), every = Math.ceil(1 / Math.max(room, 0.1)), found = [];
  const [, between] = BETWEEN.find(([most]) => room >= most);
  for (let power = Math.floor(low); power <= high; power += every)
    for (const times of between) found.push(+(times * 10 ** power).toPrecision(12));
  return found.filter(value => Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9);
};
const valueWords = value => {
  const isFar = Math.abs(value) >= 1e6 || (value && Math.abs(value) < 1e-4), digits = { maximumFractionDigits: 10 };
  return (isFar ? value.toExponential().replace('e+', 'e') : value.toLocaleString('en', digits)).replaceAll('-', '−');
};
const shortWords = value => valueWords(+value.toPrecision(3));

// Maps values to positions in px and back; low and high are powers of ten where the axis is logarithmic.
const axisFrom = (low, high, start, end, log) => {
  const perUnit = (end - start) / (high - low);
  return {
    low, high, start, end, log, perUnit,
    place: value => start + ((log ? Math.log(value) / LN_10 : value) - low) * perUnit,
    value: place => { const at = low + (place - start) / perUnit; return log ? 10 ** at : at; },
    ticks: count => (log ? logTicks : roundTicks)(low, high, count),
  };
};

// Sizes a canvas in px of the page at the screen's resolution; its pen draws in px of the page.
const penOn = (canvas, width, height) => {
  const sharp = window.devicePixelRatio || 1;
  const across = Math.round(width * sharp), down = Math.round(height * sharp);
  if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
  const pen = canvas.getContext('2d');
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
};
const inksOf = box => {
  const style = getComputedStyle(box), ink = name => style.getPropertyValue(`--st-${name}-color`).trim();
  return { text: style.color, line: ink('border'), accent: ink('primary'), font: `${TEXT_PX}px ${style.fontFamily}` };
};
// The outline of a drawn selection: dashed, faintly filled.
const paintOutline = (pen, path, colour) => {
  pen.save();
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 1.5;
  pen.setLineDash([5, 3]);
  pen.stroke(path);
  pen.globalAlpha = 0.08;
  pen.fill(path, 'evenodd');
  pen.restore();
};
// Calls draw when the size, the screen's resolution, the theme or the font have changed.
const keepDrawn = (box, draw) => {
  box.draw = draw;
  new ResizeObserver(draw).observe(box);
  box.addEventListener('transitionend', event => event.target === box && draw());  // its colour follows the theme
  document.fonts?.ready.then(draw);
  onOtherScreen(new WeakRef(box));
};
// The window outlives the box and must not keep it in memory.
const onOtherScreen = held => {
  const now = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
  now.addEventListener('change', () => {
    if (!held.deref()) return;
    held.deref().draw();
    onOtherScreen(held);
  }, { once: true });
};

const yLabelsWidth = (pen, ticks) => Math.max(0, ...ticks.map(value => pen.measureText(valueWords(value)).width));
const drawAxes = (pen, inks, x, y, { xTicks, yTicks, xWords, yWords, upright }) => {
  const left = x.start, right = x.end, foot = y.start, top = y.end;
  const line = (x0, y0, x1, y1) => { pen.beginPath(); pen.moveTo(x0, y0); pen.lineTo(x1, y1); pen.stroke(); };
  pen.font = inks.font;
  pen.lineWidth = 1;
  pen.strokeStyle = inks.line;
  pen.fillStyle = inks.text;
  pen.globalAlpha = 0.5;
  const half = place => Math.round(place - 0.5) + 0.5;  // where a line of 1 px is sharp
  for (const value of yTicks) line(left, half(y.place(value)), right, half(y.place(value)));
  if (upright) for (const value of xTicks) line(half(x.place(value)), top, half(x.place(value)), foot);
  pen.globalAlpha = 1;
  line(left, half(foot), right, half(foot));
  pen.globalAlpha = 0.8;
  pen.textBaseline = 'middle';
  pen.textAlign = 'right';
  for (const value of yTicks) pen.fillText(valueWords(value), left - TICK_GAP, y.place(value));
  pen.textBaseline = 'top';
  pen.textAlign = 'center';
  let until = -Infinity;
  for (const value of xTicks) {
    const words = valueWords(value), width = pen.measureText(words).width, at = x.place(value);
    if (at - width / 2 < until) continue;  // would overlap the one before
    pen.fillText(words, at, foot + TICK_GAP);
    until = at + width / 2 + 8;
  }
  pen.globalAlpha = 1;
  pen.fillText(xWords, (left + right) / 2, foot + TICK_GAP + TEXT_PX + TITLE_GAP, right - left);
  if (yWords) {
    pen.save();
    pen.translate(2, (foot + top) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(yWords, 0, 0, foot - top);
    pen.restore();
  }
};
// A note beside the pointer, kept inside the box. lines: its texts, null to hide it.
const showNote = (note, box, lines, x, y) => {
  note.hidden = !lines;
  if (!lines) return;
  note.replaceChildren(...lines.map(words => element('div', '', words)));
  const left = x + 14 + note.offsetWidth > box.clientWidth ? x - 14 - note.offsetWidth : x + 14;
  note.style.left = `${Math.max(0, left)}px`;
  note.style.top = `${Math.max(0, y - note.offsetHeight - 8)}px`;
};
