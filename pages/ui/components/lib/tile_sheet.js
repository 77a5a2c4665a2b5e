// Tiles cut out of one JPEG: as the background of an element, or drawn on a canvas.
const sheetPart = (k, count) => (count > 1 ? (100 * k) / (count - 1) : 0) + '%';
const tileBackground = (url, index, columns, rows) =>
  `${sheetPart(index % columns, columns)} ${sheetPart(Math.floor(index / columns), rows)} / `
  + `${100 * columns}% ${100 * rows}% no-repeat url(${url})`;

const decodedSheets = new Map();
// Draws a tile of `px` pixels into a square of `side`; calls onLoad once where the sheet is not decoded yet.
const drawTile = (canvas, url, { index, columns, px, side, smooth = false, onLoad }) => {
  canvas.width = canvas.height = side;
  if (!url) return;
  const image = decodedSheets.get(url) ?? new Image();
  decodedSheets.set(url, image);
  if (!image.src) image.src = url;
  if (!image.complete || !image.naturalWidth) return image.addEventListener('load', onLoad, { once: true });
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, (index % columns) * px, Math.floor(index / columns) * px, px, px, 0, 0, side, side);
};
