import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadScript } from './load_script.mjs';

const { insideFrame, smallestAt, cornerAt, draggedBox } =
  loadScript('box_geometry.js', ['insideFrame', 'smallestAt', 'cornerAt', 'draggedBox']);
const frame = { width: 100, height: 60 };

test('a box that is moved over the border stops there with its size', () => {
  assert.deepEqual(insideFrame([-5, 90, 5, 110], frame), [0, 80, 10, 100]);
  assert.deepEqual(insideFrame([55, -3, 65, 7], frame), [50, 0, 60, 10]);
  assert.deepEqual(insideFrame([5, 5, 9, 9], frame), [5, 5, 9, 9]);
});

test('a small box inside a large one is taken hold of', () => {
  const boxes = [{ id: 'large', box: [0, 0, 50, 50] }, { id: 'small', box: [10, 10, 20, 20] }];
  assert.equal(smallestAt(boxes, 15, 12), 'small');
  assert.equal(smallestAt(boxes, 20, 12), 'large');  // the end is excluded
  assert.equal(smallestAt(boxes, 70, 12), '');
});

test('corners are found by their place on the page', () => {
  assert.deepEqual(cornerAt([10, 20, 30, 40], 12, 21, 7), [-1, -1]);
  assert.deepEqual(cornerAt([10, 20, 30, 40], 39, 61, 7), [1, 1]);
  assert.equal(cornerAt([10, 20, 30, 40], 25, 40, 7), null);
});

test('drawing covers every pixel that the drag touches, in any direction, within the frame', () => {
  assert.deepEqual(draggedBox({ kind: 'draw' }, null, [30.2, 20.9], [10.1, 5.5], frame), [5, 10, 21, 31]);
  assert.deepEqual(draggedBox({ kind: 'draw' }, null, [90, 50], [140, 80], frame), [50, 90, 60, 100]);
});

test('a corner that is dragged over the opposite one turns the box around', () => {
  const box = [10, 10, 20, 20];
  assert.deepEqual(draggedBox({ kind: 'resize', corner: [1, 1] }, box, [20, 20], [26, 23], frame), [10, 10, 23, 26]);
  assert.deepEqual(draggedBox({ kind: 'resize', corner: [-1, 1] }, box, [20, 10], [20, 35], frame), [20, 10, 35, 20]);
  assert.deepEqual(draggedBox({ kind: 'move' }, box, [12, 12], [15, 5], frame), [3, 13, 13, 23]);
});
