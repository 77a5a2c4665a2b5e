import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadScript } from './load_script.mjs';

const { unpacked } = loadScript('decode_base64.js', ['unpacked']);
const packed = array => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');

test('numbers come back as they were packed', () => {
  for (const array of [
    Float32Array.of(0, -1.5, 3e38, Infinity),
    Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1),
    Uint8Array.from({ length: 256 }, (_, byte) => byte),
  ])
    assert.deepEqual(unpacked(packed(array), array.constructor), array);
});

test('a value that is not a number stays one', () => {
  const [first, second] = unpacked(packed(Float32Array.of(NaN, 2)), Float32Array);
  assert.ok(Number.isNaN(first));
  assert.equal(second, 2);
});

test('no text is an empty array', () => {
  assert.equal(unpacked('', Float32Array).length, 0);
});

test('bytes are read with the lowest first, as numpy wrote them on this machine', () => {
  assert.deepEqual([...unpacked('AQAAAAACAAA=', Uint32Array)], [1, 512]);
});
