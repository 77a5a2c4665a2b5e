const COLUMN_GAP = 4;
const CORNER_PX = 22;  // the part of a tile in which a click selects it
const element = (name, className, words) => {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = words ?? '';
  return made;
};
const selects = (event, tile) => {
  const at = tile.getBoundingClientRect();
  const corner = event.clientX && event.clientX - at.left < CORNER_PX && event.clientY - at.top < CORNER_PX;
  return event.ctrlKey || event.metaKey || event.shiftKey || corner;
};
// What the server says is selected counts when something else has changed it; else the browser is ahead.
const takePicks = (box, data) => {
  const turn = data.version + data.turn;
  if (box.turn === turn) return;
  box.turn = turn;
  box.picked = new Set(data.picked);
  box.last = -1;
};
// Where the k-th of `count` equal parts of a background lies, in percent.
const part = (k, count) => (count > 1 ? (100 * k) / (count - 1) : 0) + '%';

export default function ({ data, parentElement, setStateValue }) {
  const box = parentElement.querySelector('.box');
  const tiles = box.querySelector('.tiles'), large = box.querySelector('.large');
  if (!data) return;
  if (data.ids) takePicks(box, data);
  if (box.version === data.version) return box.paint?.();
  box.version = data.version;

  const bytes = Uint8Array.from(atob(data.sheet), letter => letter.charCodeAt(0));
  if (box.url) URL.revokeObjectURL(box.url);
  box.url = URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' }));
  const picture = new Image();
  picture.src = box.url;

  const { px, columns, items } = data, rows = Math.ceil(items.length / columns);
  tiles.setAttribute('aria-label', data.alt);
  // As many columns as fit; they share the width, so that the block ends flush.
  tiles.style.gridTemplateColumns = `repeat(auto-fill, minmax(${data.show}px, 1fr))`;
  const buttons = items.map((item, i) => {
    const tile = element('button', 'tile');
    tile.title = item.words.join('\n');
    tile.setAttribute('aria-label', item.words.join(', '));
    tile.style.background =
      `${part(i % columns, columns)} ${part(Math.floor(i / columns), rows)} / ${100 * columns}% ${100 * rows}% ` +
      `no-repeat url(${box.url})`;
    tile.onclick = event => {
      if (data.ids && selects(event, tile)) return pick(i, event.shiftKey);
      return tile.classList.contains('at') ? close() : open(i);
    };
    return tile;
  });
  tiles.classList.toggle('selecting', Boolean(data.ids));
  box.paint = () => data.ids && buttons.forEach((tile, i) => {
    tile.classList.toggle('picked', box.picked.has(data.ids[i]));
    tile.setAttribute('aria-pressed', box.picked.has(data.ids[i]));
  });
  box.paint();
  // Painted at once; the server hears all that are selected, not the change, so none is lost when clicks are fast.
  const pick = (i, upTo) => {
    const on = !box.picked.has(data.ids[i]);
    const from = upTo && box.last >= 0 ? Math.min(box.last, i) : i, to = upTo ? Math.max(box.last ?? i, i) : i;
    for (let k = from; k <= to; k++) on ? box.picked.add(data.ids[k]) : box.picked.delete(data.ids[k]);
    box.last = i;
    box.paint();
    setStateValue('picked', [...box.picked]);
  };
  tiles.replaceChildren(...buttons.map((tile, i) => {
    if (!items[i].caption) return tile;
    const figure = element('figure', '');
    figure.append(tile, element('figcaption', '', items[i].caption));
    return figure;
  }));

  // Whole lines only, where their number is given.
  const fit = () => {
    if (!data.lines) return;
    const across = Math.floor((tiles.clientWidth + COLUMN_GAP) / (data.show + COLUMN_GAP));
    buttons.forEach((tile, i) => { tile.hidden = i >= across * data.lines; });
  };
  box.watch?.disconnect();
  box.watch = new ResizeObserver(fit);
  box.watch.observe(tiles);

  const close = () => {
    large.hidden = true;
    buttons.forEach(tile => tile.classList.remove('at'));
  };
  const open = i => {
    const canvas = large.querySelector('canvas');
    canvas.width = canvas.height = px;
    canvas.getContext('2d').drawImage(
      picture, (i % columns) * px, Math.floor(i / columns) * px, px, px, 0, 0, px, px);
    large.querySelector('.words').replaceChildren(...items[i].words.map(words => element('p', '', words)));
    buttons.forEach((tile, k) => tile.classList.toggle('at', k === i));
    large.hidden = false;
  };
  tiles.onkeydown = event => {
    if (event.key === 'Escape') return close();
    if (event.key === 's' && data.ids) return pick(buttons.indexOf(event.target.closest('.tile')), false);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const to = buttons.indexOf(event.target.closest('.tile')) + step;
    if (!step || !buttons[to] || buttons[to].hidden) return;
    event.preventDefault();
    buttons[to].focus();
    if (!large.hidden) open(to);
  };
  large.querySelector('button').onclick = close;
  close();
}
