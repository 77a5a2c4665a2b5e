import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { loadScript } from './load_script.mjs';

let listeners, window;
const element = (selectors = [], { visible = true } = {}) => ({
  isConnected: true,
  getClientRects: () => (visible ? [1] : []),
  matches: list => selectors.some(selector => list.split(',').map(part => part.trim()).includes(selector)),
});

beforeEach(() => {
  listeners = [];
  window = { addEventListener() {} };
  globalThis.document = {
    addEventListener: (type, listener, { signal }) => listeners.push({ type, listener, signal }),
    activeElement: null, hasFocus: () => true, querySelector: () => null,
  };
});

const keysOf = (box, used = () => true) => {
  const { PageKeys } = loadScript('page_keys.js', ['PageKeys'], window), pressed = [];
  new PageKeys(box, event => { pressed.push(event.key); return used(event); }, () => {});
  return pressed;
};
// Presses a key with the focus on the first element of the path; whether a component has used it.
const press = (key, ...path) => {
  const event = { key, composedPath: () => path, prevented: false, preventDefault() { this.prevented = true; }, stopPropagation() {} };
  for (const { type, listener, signal } of listeners) if (type === 'keydown' && !signal.aborted) listener(event);
  return event.prevented;
};

test('a key is taken wherever the focus is, except in a text field', () => {
  const pressed = keysOf(element());
  assert.ok(press('3', element()));
  assert.ok(press('Enter', element(['button'])));
  assert.ok(!press('4', element(['textarea'])));
  assert.ok(!press('5', element(['[role=combobox]'])));
  assert.deepEqual(pressed, ['3', 'Enter']);
});

test('of two components the one drawn last gets the keys, until it has left the page or is hidden', () => {
  const first = element(), second = element(), pressed = [keysOf(first), keysOf(second)];
  press('1', element());
  assert.deepEqual(pressed, [[], ['1']]);
  second.isConnected = false;
  press('2', element());
  assert.deepEqual(pressed, [['2'], ['1']]);
  first.getClientRects = () => [];
  assert.ok(!press('3', element()));
});

test('a component that has left the page listens no more', () => {
  const box = element();
  keysOf(box);
  box.isConnected = false;
  press('1', element());
  assert.ok(listeners.every(({ signal }) => signal.aborted));
});

test('keys inside an open dialog belong to the dialog', () => {
  const pressed = keysOf(element());
  assert.ok(!press('1', element(), element(['[role=dialog]'])));
  assert.deepEqual(pressed, []);
});

test('a control reached with Tab keeps Enter and Space, one that was clicked does not', () => {
  const pressed = keysOf(element()), button = element(['button']);
  press('Tab', button);
  assert.ok(!press('Enter', button));
  assert.ok(press('3', button));
  for (const { type, listener } of listeners) if (type === 'pointerdown') listener({});
  assert.ok(press('Enter', button));
  assert.deepEqual(pressed, ['Tab', '3', 'Enter']);
});

test('a key without a meaning is left to the page', () => {
  keysOf(element(), () => false);
  assert.ok(!press('q', element()));
});
