// Very many points as cells of a grid: how many particles of each code lie in each. The server counts them.
const CELL_OPACITY = [0.25, 1];  // of one particle, and of as many as the fullest cell holds
const VIEW_WAIT_MS = 250;  // after the last zoom, until finer cells are asked for

// What the server sent, with its numbers unpacked and where each cell is found in each group.
const unpackedCells = ({ columns, rows, ends, full, groups }) => ({
  columns, rows, ends, full,
  groups: groups.map(({ code, total, cells, counts }) => ({
    code, total, cells: unpacked(cells, Uint32Array), counts: unpacked(counts, Uint32Array),
  })),
  totalOf: code => groups.find(group => group.code === code)?.total ?? 0,
});

// Per cell: its number and [code, count] of the codes that are shown, in one list sorted by cell.
const mixedCells = (grid, isShown) => {
  const mixed = new Map();
  for (const { code, cells, counts } of grid.groups)
    if (isShown(code))
      for (let k = 0; k < cells.length; k++) {
        const parts = mixed.get(cells[k]);
        parts ? parts.push([code, counts[k]]) : mixed.set(cells[k], [[code, counts[k]]]);
      }
  return mixed;
};

// The corner of a cell along the axes, and its size.
const cellSides = ({ columns, rows, ends: [u0, u1, v0, v1] }) => [(u1 - u0) / columns || 1, (v1 - v0) / rows || 1];

// Draws every cell in the mean colour of its particles, the more opaque the more there are; x and y are axes.
const drawCells = (pen, grid, mixed, looks, x, y) => {
  const [wide, high] = cellSides(grid), [u0, , v0] = grid.ends, rgb = looks.map(({ colour }) => coloursOf(colour));
  let most = 1;
  for (const parts of mixed.values()) most = Math.max(most, parts.reduce((sum, [, count]) => sum + count, 0));
  pen.save();
  pen.beginPath();
  pen.rect(x.start, y.end, x.end - x.start, y.start - y.end);
  pen.clip();
  const inPx = (axis, value) => Math.round(axis.start + (value - axis.low) * axis.perUnit);  // whole: no seams
  for (const [cell, parts] of mixed) {
    const total = parts.reduce((sum, [, count]) => sum + count, 0), mean = [0, 0, 0];
    let opacity = 0;
    const share = most > 1 ? Math.log(total) / Math.log(most) : 1, [faint, dense] = CELL_OPACITY;
    for (const [code, count] of parts) {
      rgb[code & ~DIM].forEach((value, k) => { mean[k] += (value * count) / total; });
      opacity += ((code & DIM ? DIM_OPACITY : 1) * (faint + share * (dense - faint)) * count) / total;
    }
    const left = u0 + (cell % grid.columns) * wide, foot = v0 + Math.floor(cell / grid.columns) * high;
    const x0 = inPx(x, left), y0 = inPx(y, foot + high);
    pen.globalAlpha = opacity;
    pen.fillStyle = `rgb(${mean.map(Math.round).join(' ')})`;
    pen.fillRect(x0, y0, Math.max(1, inPx(x, left + wide) - x0), Math.max(1, inPx(y, foot) - y0));
  }
  pen.restore();
};

const coloursOf = colour => [1, 3, 5].map(k => parseInt(colour.slice(k, k + 2), 16));

// Number of the cell at a position in px; -1 outside of the grid.
const cellAt = (grid, x, y, pointer) => {
  const [wide, high] = cellSides(grid), [u0, , v0] = grid.ends;
  const column = Math.floor((x.low + (pointer.x - x.start) / x.perUnit - u0) / wide);
  const row = Math.floor((y.low + (pointer.y - y.start) / y.perUnit - v0) / high);
  return column < 0 || row < 0 || column >= grid.columns || row >= grid.rows ? -1 : row * grid.columns + column;
};

// The numbers of particles in the cell under the pointer, by class.
const hoverCell = (S, pointer) => {
  const parts = pointer && S.mixed.get(cellAt(S.grid, S.x, S.y, pointer)), counts = new Map();
  for (const [code, count] of parts ?? []) {
    const { name } = S.data.looks[code & ~DIM];
    counts.set(name, (counts.get(name) ?? 0) + count);
  }
  const lines = [...counts].map(([name, count]) => `${name}: ${count.toLocaleString('en')}`);
  showNote(S.note, S.plot, parts ? lines : null, pointer?.x, pointer?.y);
};

// Finer cells for what is shown, once the view rests.
const askForCells = S => {
  clearTimeout(S.asking);
  if (S.grid) S.asking = setTimeout(() => S.send('view', { axes: S.axes, ends: S.view }), VIEW_WAIT_MS);
};
