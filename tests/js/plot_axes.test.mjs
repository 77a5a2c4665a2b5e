import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadScript } from './load_script.mjs';

const { axisFrom, logTicks, roundTicks, shortWords, valueWords } = loadScript(
  'plot_axes.js', ['axisFrom', 'logTicks', 'roundTicks', 'shortWords', 'valueWords'],
);
const near = (found, expected) => assert.ok(Math.abs(found - expected) < 1e-9, `${found} is not ${expected}`);

test('ticks are round values between both ends', () => {
  assert.deepEqual(roundTicks(0, 10, 5), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(roundTicks(-1.2, 1.2, 5), [-1, -0.5, 0, 0.5, 1]);
  assert.deepEqual(roundTicks(0.1, 0.35, 5), [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]);
});

test('ticks have no rounding errors and zero has no sign', () => {
  assert.deepEqual(roundTicks(0, 0.7, 7), [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]);
  assert.ok(Object.is(roundTicks(-1, 1, 2)[1], 0));
});

test('an axis of one value has that value as its tick', () => {
  assert.deepEqual(roundTicks(5, 5, 4), [5]);
});

test('ticks of a logarithmic axis are powers of ten, and between them what has room', () => {
  assert.deepEqual(logTicks(0, 3, 4), [1, 10, 100, 1000]);
  assert.deepEqual(logTicks(0, 2, 6), [1, 2, 5, 10, 20, 50, 100]);
  assert.deepEqual(logTicks(0, 1, 9), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(logTicks(0, 12, 4), [1, 1000, 1e6, 1e9, 1e12]);
});

test('a short logarithmic axis has round ticks within its ends', () => {
  const ticks = logTicks(Math.log10(20), Math.log10(60), 4);
  assert.deepEqual(ticks, [20, 30, 40, 50, 60]);
});

test('values are written as a reader of English expects them', () => {
  assert.equal(valueWords(0), '0');
  assert.equal(valueWords(12345.5), '12,345.5');
  assert.equal(valueWords(-0.25), '−0.25');
  assert.equal(valueWords(2e6), '2e6');
  assert.equal(valueWords(-5e-5), '−5e−5');
  assert.equal(shortWords(1234.5678), '1,230');
  assert.equal(shortWords(0.0123456), '0.0123');
});

test('a place leads back to its value, upward axes as well', () => {
  for (const log of [false, true]) {
    const axis = axisFrom(0, 2, 400, 100, log);
    near(axis.place(log ? 1 : 0), 400);
    near(axis.place(log ? 100 : 2), 100);
    near(axis.place(log ? 10 : 1), 250);
    for (const place of [100, 130, 399]) near(axis.place(axis.value(place)), place);
  }
});

test('an axis gives the ticks of its kind', () => {
  assert.deepEqual(axisFrom(0, 2, 0, 100, false).ticks(2), [0, 1, 2]);
  assert.deepEqual(axisFrom(0, 2, 0, 100, true).ticks(2), [1, 10, 100]);
});
