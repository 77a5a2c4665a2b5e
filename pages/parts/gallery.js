const COLUMN_GAP = 4;
const element = (name, className, words) => {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = words ?? '';
  return made;
};
// Where the k-th of `count` equal parts of a background lies, in percent.
const part = (k, count) => (count > 1 ? (100 * k) / (count - 1) : 0) + '%';

export default function ({ data, parentElement }) {
  const box = parentElement.querySelector('.box');
  const tiles = box.querySelector('.tiles'), large = box.querySelector('.large');
  if (!data || box.version === data.version) return;
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
    tile.onclick = () => (tile.classList.contains('at') ? close() : open(i));
    return tile;
  });
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
