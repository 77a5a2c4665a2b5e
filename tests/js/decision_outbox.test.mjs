import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadScript } from './load_script.mjs';

// A browser's storage: its entries are its own properties, its methods are not.
const browserStorage = () => {
  const methods = {
    setItem(name, text) { this[name] = String(text); },
    getItem(name) { return Object.hasOwn(this, name) ? this[name] : null; },
    removeItem(name) { delete this[name]; },
  };
  return Object.create(methods);
};
const outboxes = storage => {
  globalThis.localStorage = storage;
  return loadScript('decision_outbox.js', ['DecisionOutbox']).DecisionOutbox;
};

test('a decision is pending until the server has confirmed it', () => {
  const outbox = new (outboxes(browserStorage()))('r1');
  const [first, second] = ['a', 'b'].map(particle => outbox.add({ particle }));
  assert.deepEqual([first.n, second.n], [1, 2]);
  assert.equal(outbox.pending().length, 2);
  outbox.confirm({ [outbox.tab]: 1 });
  assert.deepEqual(outbox.pending().map(event => event.particle), ['b']);
  outbox.confirm({ [outbox.tab]: 2 });
  assert.deepEqual(outbox.pending(), []);
});

test('what a closed tab held is pending in the next tab of the same review alone', () => {
  const storage = browserStorage(), Outbox = outboxes(storage);
  const closed = new Outbox('r1');
  closed.add({ particle: 'a' });
  const next = new Outbox('r1'), other = new Outbox('r2');
  assert.notEqual(next.tab, closed.tab);
  assert.deepEqual(next.pending().map(event => event.tab), [closed.tab]);
  assert.deepEqual(other.pending(), []);
  next.confirm({ [next.tab]: 5 });
  assert.equal(next.pending().length, 1);
});

test('without a storage of the browser decisions are kept in memory', () => {
  const refusing = { setItem() { throw new Error('shut off'); } };
  const outbox = new (outboxes(refusing))('r1');
  outbox.add({ particle: 'a' });
  assert.deepEqual(outbox.pending().map(event => event.particle), ['a']);
  outbox.confirm({ [outbox.tab]: 1 });
  assert.deepEqual(outbox.pending(), []);
});
