import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadScript } from './load_script.mjs';

const { cellAt, cellSides, coloursOf, mixedCells } = loadScript(
  'density_cells.js', ['cellAt', 'cellSides', 'coloursOf', 'mixedCells'],
);

// Four columns from 0 to 8 and two rows from 10 to 20: silicone oil (0) in three cells, air bubbles (1) in two.
const grid = {
  columns: 4, rows: 2, ends: [0, 8, 10, 20],
  groups: [
    { code: 0, cells: Uint32Array.of(0, 3, 7), counts: Uint32Array.of(5, 1, 2) },
    { code: 1, cells: Uint32Array.of(3, 4), counts: Uint32Array.of(9, 4) },
  ],
};
// Along the axes 1 is 10 px; 10 lies at the foot, 120 px down.
const x = { low: 0, start: 50, perUnit: 10 }, y = { low: 10, start: 120, perUnit: -10 };

test('a cell holds the counts of every code that is shown', () => {
  const all = mixedCells(grid, () => true);
  assert.deepEqual(all.get(3), [[0, 1], [1, 9]]);
  assert.deepEqual([...all.keys()].sort(), [0, 3, 4, 7]);
  assert.deepEqual([...mixedCells(grid, code => code === 0).keys()], [0, 3, 7]);
});

test('columns count from the left and rows from the foot', () => {
  assert.deepEqual(cellSides(grid), [2, 5]);
  assert.equal(cellAt(grid, x, y, { x: 51, y: 119 }), 0);
  assert.equal(cellAt(grid, x, y, { x: 129, y: 119 }), 3);
  assert.equal(cellAt(grid, x, y, { x: 51, y: 21 }), 4);
  assert.equal(cellAt(grid, x, y, { x: 129, y: 69 }), 7);
});

test('outside of the grid there is no cell', () => {
  for (const at of [{ x: 49, y: 60 }, { x: 131, y: 60 }, { x: 90, y: 121 }, { x: 90, y: 19 }])
    assert.equal(cellAt(grid, x, y, at), -1);
});

test('colours are taken apart', () => assert.deepEqual(coloursOf('#0a80ff'), [10, 128, 255]));
