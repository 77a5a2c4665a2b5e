import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadScript } from './load_script.mjs';

const { alongAxis, gridOf, opacityOf, sizeOf, sortedByCode, DIM, NOT_DRAWN, MANY, NEAR_PX } = loadScript(
  'scatter_points.js', ['alongAxis', 'gridOf', 'opacityOf', 'sizeOf', 'sortedByCode', 'DIM', 'NOT_DRAWN', 'MANY', 'NEAR_PX'],
);

test('values lie along a linear axis as they are', () => {
  assert.deepEqual(alongAxis(Float32Array.of(-1, 0, 2), false), Float32Array.of(-1, 0, 2));
});

test('on a logarithmic axis what is not positive has no place', () => {
  assert.deepEqual([...alongAxis(Float32Array.of(100, 1, 0, -5, NaN), true)], [2, 0, NaN, NaN, NaN]);
});

test('points are sorted by code and keep their order within one', () => {
  const sorted = sortedByCode(Uint8Array.of(2, 0, 2, DIM, 0), Float32Array.of(1, 2, 3, 4, 5), Float32Array.of(1, 1, 1, 1, 1));
  assert.deepEqual([...sorted.order], [1, 4, 0, 2, 3]);
  assert.deepEqual([...sorted.of(0)], [1, 4]);
  assert.deepEqual([...sorted.of(1)], []);
  assert.deepEqual([...sorted.of(2)], [0, 2]);
  assert.deepEqual([...sorted.of(DIM)], [3]);
});

test('what is filtered away or has no place is not a point', () => {
  const u = Float32Array.of(1, NaN, 3, Infinity, 5), v = Float32Array.of(1, 2, NaN, 4, 5);
  assert.deepEqual([...sortedByCode(Uint8Array.of(0, 0, 0, 0, NOT_DRAWN), u, v).order], [0]);
  assert.equal(sortedByCode(new Uint8Array(0), new Float32Array(0), new Float32Array(0)).order.length, 0);
});

test('the more points, the smaller and the fainter they are', () => {
  const counts = [10, 6000, MANY + 1];
  assert.deepEqual(counts.map(sizeOf), [7, 5, 4]);
  assert.deepEqual(counts.map(opacityOf), [0.75, 0.75, 0.5]);
});

// 0 to 10 across over 200 px from the left; 0 to 10 up over 100 px, so that 0 lies at the foot.
const x = { low: 0, start: 50, end: 250, perUnit: 20 }, y = { low: 0, start: 120, end: 20, perUnit: -10 };

test('the point nearest to the pointer is found, across and up not exchanged', () => {
  const u = Float32Array.of(1, 9, 9), v = Float32Array.of(9, 9, 1);
  const nearest = gridOf([Uint32Array.of(0, 1), Uint32Array.of(2)], u, v, x, y);
  assert.equal(nearest(70, 30), 0);
  assert.equal(nearest(230, 30), 1);
  assert.equal(nearest(230, 110), 2);
});

test('of two near points the nearer one is found, and none beyond reach', () => {
  const nearest = gridOf([Uint32Array.of(0, 1)], Float32Array.of(5, 5.2), Float32Array.of(5, 5), x, y);
  assert.equal(nearest(151, 70), 0);
  assert.equal(nearest(153, 70), 1);
  assert.equal(nearest(154 + NEAR_PX + 1, 70), -1);
  assert.equal(nearest(154 + NEAR_PX - 1, 70), 1);
});

test('a point outside of the plot is not found', () => {
  const nearest = gridOf([Uint32Array.of(0)], Float32Array.of(30), Float32Array.of(5), x, y);
  assert.equal(nearest(650, 70), -1);
});
