import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadScript } from './load_script.mjs';

const { keyActions, DECISION_KEYS } = loadScript('annotation_keys.js', ['keyActions', 'DECISION_KEYS']);

// A grid that notes what is asked of it.
const recorder = ({ hidden = false } = {}) => {
  const calls = [], batch = { items: [{ hidden }] };
  const grid = new Proxy({ position: 0, batch, letters: null }, {
    get: (own, name) => (name in own ? own[name] : (...given) => { calls.push([name, ...given]); return 3; }),
  });
  return { grid, calls };
};
const done = (key, { extend = false, ...options } = {}) => {
  const { grid, calls } = recorder(options);
  keyActions(grid, extend)[key]();
  return calls;
};

test('a key decides what the list says', () => {
  assert.deepEqual(done('Enter'), [['decide', 'keep']]);
  assert.deepEqual(done('s'), [['decide', 'suggestion']]);
  assert.deepEqual(done('u'), [['decide', 'unsure', 'unsure']]);
  assert.deepEqual(done('x'), [['decide', 'not_a_particle', 'not_a_particle']]);
  assert.deepEqual(done('n'), [['decide', 'skip', '']]);
});

test('a hidden suggestion is not accepted', () => {
  assert.deepEqual(done('s', { hidden: true }), []);
});

test('arrows move by one or by a row, with Shift they select', () => {
  assert.deepEqual(done('ArrowLeft'), [['move', -1, false]]);
  assert.deepEqual(done('ArrowDown', { extend: true }), [['tilesPerRow'], ['move', 3, true]]);
  assert.deepEqual(done('ArrowUp'), [['tilesPerRow'], ['move', -3, false]]);
});

test('every listed key does something', () => {
  const { grid } = recorder(), named = { Space: ' ', Esc: 'Escape', '/ letters': '/' };
  const listed = DECISION_KEYS.map(([keys]) => named[keys] ?? keys).filter(keys => !keys.includes('…') && !/arrows/i.test(keys));
  const actions = keyActions(grid, false);
  assert.deepEqual(listed.filter(key => !actions[key.length === 1 ? key.toLowerCase() : key]), []);
});
