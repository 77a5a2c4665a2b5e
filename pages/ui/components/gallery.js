// A gallery of tiles cut from one JPEG; click a tile to enlarge it, click its corner to select it.
const COLUMN_GAP_PX = 4;
const CORNER_PX = 22;  // the part of a tile in which a click selects it
const LARGE_PX = 256;  // side of an enlarged tile on the screen
const element = (name, className, text) => {
  const created = document.createElement(name);
  created.className = className;
  created.textContent = text ?? '';
  return created;
};
const isSelecting = (event, tile) => {
  const frame = tile.getBoundingClientRect();
  const inCorner = event.clientX && event.clientX - frame.left < CORNER_PX && event.clientY - frame.top < CORNER_PX;
  return event.ctrlKey || event.metaKey || event.shiftKey || inCorner;
};
// The server's selection counts when something other than this gallery has changed it; else the browser is ahead.
const takeSelection = (box, data) => {
  const revision = data.version + data.turn;
  if (box.revision === revision) return;
  box.revision = revision;
  box.picked = new Set(data.picked);
  box.last = -1;
};
// Background position, in percent, of the k-th of `count` parts.
const offset = (k, count) => (count > 1 ? (100 * k) / (count - 1) : 0) + '%';

const decodeSheet = (box, data) => {
  const bytes = Uint8Array.from(atob(data.sheet), letter => letter.charCodeAt(0));
  if (box.url) URL.revokeObjectURL(box.url);
  box.url = URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' }));
  const image = new Image();
  image.src = box.url;
  return image;
};
const createTiles = (box, data) => data.items.map((item, i) => {
  const tile = element('button', 'tile'), rows = Math.ceil(data.items.length / data.columns);
  tile.title = item.words.join('\n');
  tile.setAttribute('aria-label', item.words.join(', '));
  tile.style.background = `${offset(i % data.columns, data.columns)} ${offset(Math.floor(i / data.columns), rows)} / ` +
    `${100 * data.columns}% ${100 * rows}% no-repeat url(${box.url})`;
  if (item.bar) {
    tile.classList.add('scaled');
    tile.style.setProperty('--bar', `${100 * item.bar}%`);
  }
  return tile;
});
const withCaption = (tile, caption) => {
  if (!caption) return tile;
  const figure = element('figure', '');
  figure.append(tile, element('figcaption', '', caption));
  return figure;
};
// A white bar with a dark edge and its length, at the lower right of an enlarged tile.
const drawScaleBar = (canvas, share, text) => {
  const pen = canvas.getContext('2d'), width = share * canvas.width, right = canvas.width - 10, y = canvas.height - 12;
  pen.fillStyle = '#fff';
  pen.strokeStyle = 'rgba(0, 0, 0, .7)';
  pen.lineWidth = 2;
  pen.strokeRect(right - width, y, width, 4);
  pen.fillRect(right - width, y, width, 4);
  pen.font = '600 13px sans-serif';
  pen.textAlign = 'right';
  pen.lineWidth = 3;
  pen.strokeText(text, right, y - 6);
  pen.fillText(text, right, y - 6);
};

const selectWithClick = (box, data, tiles, setStateValue) => {
  box.paint = () => data.ids && tiles.forEach((tile, i) => {
    tile.classList.toggle('picked', box.picked.has(data.ids[i]));
    tile.setAttribute('aria-pressed', box.picked.has(data.ids[i]));
  });
  box.paint();
  // Painted at once; the server receives the whole selection, not the change, so that no fast click is lost.
  return (i, isRange) => {
    const on = !box.picked.has(data.ids[i]), last = box.last >= 0 ? box.last : i;
    const [from, to] = isRange ? [Math.min(last, i), Math.max(last, i)] : [i, i];
    for (let k = from; k <= to; k++) on ? box.picked.add(data.ids[k]) : box.picked.delete(data.ids[k]);
    box.last = i;
    box.paint();
    setStateValue('picked', [...box.picked]);
  };
};

export default function ({ data, parentElement, setStateValue }) {
  const box = parentElement.querySelector('.box');
  const grid = box.querySelector('.tiles'), large = box.querySelector('.large');
  if (!data) return;
  if (data.ids) takeSelection(box, data);
  if (box.version === data.version) return box.paint?.();
  box.version = data.version;

  const image = decodeSheet(box, data), tiles = createTiles(box, data), { px, columns, items } = data;
  grid.setAttribute('aria-label', data.alt);
  // As many columns as fit; they share the width, so that the block ends flush.
  grid.style.gridTemplateColumns = `repeat(auto-fill, minmax(${data.show}px, 1fr))`;
  grid.classList.toggle('selecting', Boolean(data.ids));
  grid.replaceChildren(...tiles.map((tile, i) => withCaption(tile, items[i].caption)));
  box.querySelector('.legend').textContent = data.legend;
  const select = selectWithClick(box, data, tiles, setStateValue);

  // Only complete rows, where their number is limited.
  const hideOverflow = () => {
    if (!data.lines) return;
    const across = Math.floor((grid.clientWidth + COLUMN_GAP_PX) / (data.show + COLUMN_GAP_PX));
    tiles.forEach((tile, i) => { tile.hidden = i >= across * data.lines; });
  };
  box.watch?.disconnect();
  box.watch = new ResizeObserver(hideOverflow);
  box.watch.observe(grid);

  const close = () => {
    large.hidden = true;
    tiles.forEach(tile => tile.classList.remove('at'));
  };
  const enlarge = i => {
    const canvas = large.querySelector('canvas'), pen = canvas.getContext('2d');
    canvas.width = canvas.height = LARGE_PX;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(
      image, (i % columns) * px, Math.floor(i / columns) * px, px, px, 0, 0, LARGE_PX, LARGE_PX);
    if (items[i].bar) drawScaleBar(canvas, items[i].bar, data.bar_text);
    large.querySelector('.words').replaceChildren(...items[i].words.map(text => element('p', '', text)));
    tiles.forEach((tile, k) => tile.classList.toggle('at', k === i));
    large.hidden = false;
  };
  tiles.forEach((tile, i) => {
    tile.onclick = event => {
      if (data.ids && isSelecting(event, tile)) return select(i, event.shiftKey);
      return tile.classList.contains('at') ? close() : enlarge(i);
    };
  });
  grid.onkeydown = event => {
    const i = tiles.indexOf(event.target.closest('.tile')), step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === 'Escape') return close();
    if (event.key === 's' && data.ids) return select(i, false);
    if (!step || !tiles[i + step] || tiles[i + step].hidden) return;
    event.preventDefault();
    tiles[i + step].focus();
    if (!large.hidden) enlarge(i + step);
  };
  large.querySelector('button').onclick = close;
  close();
}
