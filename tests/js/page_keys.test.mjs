import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { loadScript } from './load_script.mjs';

let listeners, window, onPage;
const DIALOG = '[data-testid=stDialog]';
const element = (selectors = [], { visible = true, within = [] } = {}) => ({
  isConnected: true,
  closest: selector => within.includes(selector),
  getClientRects: () => (visible ? [1] : []),
  matches: list => selectors.some(selector => list.split(',').map(part => part.trim()).includes(selector)),
});

beforeEach(() => {
  [listeners, onPage] = [[], ['[data-test-connection-state=CONNECTED]']];
  window = { addEventListener: (type, listener, { signal }) => listeners.push({ type, listener, signal }) };
  globalThis.document = {
    addEventListener: (type, listener, { signal }) => listeners.push({ type, listener, signal }),
    activeElement: null, hasFocus: () => true, querySelector: selector => onPage.includes(selector) || null,
  };
});

const makeKeys = (box, name = 'grid', used = () => true) => {
  const { PageKeys } = loadScript('page_keys.js', ['PageKeys'], window), pressed = [];
  const onKey = event => { pressed.push(event.key); return used(event); };
  return { keys: new PageKeys(box, { client: box, name: () => name, onKey, onStatus() {} }), pressed };
};
const keysOf = (box, used) => makeKeys(box, 'grid', used).pressed;
const tell = (type, event = {}) => {
  for (const one of listeners) if (one.type === type && !one.signal.aborted) one.listener(event);
};
// Presses a key with the focus on the first element of the path; whether a component has used it.
const press = (key, ...path) => {
  const event = { key, composedPath: () => path, prevented: false, preventDefault() { this.prevented = true; }, stopPropagation() {} };
  tell('keydown', event);
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

test('keys pressed between two elements of one name go to the second, in order', () => {
  const box = element(), first = makeKeys(box);
  press('1', element());
  box.isConnected = false;
  press('2', element());
  press('3', element());
  press('4', element(['textarea']));
  const second = makeKeys(element());
  assert.deepEqual([first.pressed, second.pressed], [['1'], []]);
  second.keys.replayHeld();
  second.keys.replayHeld();
  press('5', element());
  assert.deepEqual([first.pressed, second.pressed], [['1'], ['2', '3', '5']]);
});

test('keys that were held do not go to an element of another name', () => {
  const box = element();
  makeKeys(box);
  box.isConnected = false;
  press('2', element());
  const other = makeKeys(element(), 'another grid');
  other.keys.replayHeld();
  assert.deepEqual(other.pressed, []);
});

test('without a name nothing is held', () => {
  const { PageKeys } = loadScript('page_keys.js', ['PageKeys'], window), box = element();
  const keys = new PageKeys(box, { onKey: () => true });
  box.isConnected = false;
  press('2', element());
  assert.deepEqual(keys.held, []);
  assert.ok(listeners.every(({ signal }) => signal.aborted));
});

for (const [words, leave] of [
  ['a click', () => tell('pointerdown')], ['Tab', () => press('Tab', element())], ['another address', () => tell('popstate')],
  ['a shortcut', () => tell('keydown', { key: 'ArrowLeft', altKey: true, composedPath: () => [element()] })],
])
  test(`${words} after the element has left the page ends what was held, and the listening`, () => {
    const box = element(), { keys } = makeKeys(box);
    box.isConnected = false;
    press('2', element());
    leave();
    assert.ok(listeners.every(({ signal }) => signal.aborted));
    assert.equal(keys.constructor.former('grid'), null);
    const next = makeKeys(element());
    next.keys.replayHeld();
    assert.deepEqual(next.pressed, []);
  });

test('keys inside an open dialog belong to the dialog', () => {
  const pressed = keysOf(element()), inDialog = element(['[role=dialog]'], { within: [DIALOG] });
  onPage.push(DIALOG);
  assert.ok(!press('1', element(), inDialog));
  assert.ok(!press('1', element()));
  assert.deepEqual(pressed, []);
});

test('keys pass the dialog that says that the connection is lost, but no other overlay', () => {
  const pressed = keysOf(element()), inDialog = element(['[role=dialog]'], { within: [DIALOG] });
  onPage = [DIALOG];
  assert.ok(press('1', element(), inDialog));
  assert.ok(!press('Escape', element(), inDialog));
  assert.ok(!press('2', element(), element(['[role=listbox]'])));
  assert.deepEqual(pressed, ['1']);
});

test('a control reached with Tab keeps Enter and Space, one that was clicked does not', () => {
  const pressed = keysOf(element()), button = element(['button']);
  press('Tab', button);
  assert.ok(!press('Enter', button));
  assert.ok(press('3', button));
  tell('pointerdown');
  assert.ok(press('Enter', button));
  assert.deepEqual(pressed, ['Tab', '3', 'Enter']);
});

test('a key without a meaning is left to the page', () => {
  keysOf(element(), () => false);
  assert.ok(!press('q', element()));
});
