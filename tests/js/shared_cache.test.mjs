import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadScript } from './load_script.mjs';

const fresh = window => loadScript('shared_cache.js', ['sharedCache'], window ?? {}).sharedCache;

test('what one component puts another one gets', () => {
  const window = {};
  fresh(window)('images').put('a', 'blob:1', { max: 5 });
  const other = fresh(window)('images');
  assert.equal(other.get('a'), 'blob:1');
  assert.ok(other.has('a'));
  assert.ok(!other.has('b'));
  assert.deepEqual(Object.keys(window), ['svpShared']);
});

test('kinds do not meet', () => {
  const sharedCache = fresh();
  sharedCache('images').put('a', 1, { max: 5 });
  assert.ok(!sharedCache('columns').has('a'));
});

test('only the latest stay, and what is dropped is released', () => {
  const cache = fresh()('images'), released = [];
  for (const name of ['a', 'b', 'c', 'd']) cache.put(name, name + '!', { max: 2, release: value => released.push(value) });
  assert.deepEqual(released, ['a!', 'b!']);
  assert.deepEqual(['a', 'b', 'c', 'd'].map(cache.has), [false, false, true, true]);
});

test('a name that is put again counts as the latest', () => {
  const cache = fresh()('images');
  for (const name of ['a', 'b', 'a', 'c']) cache.put(name, name, { max: 2 });
  assert.deepEqual(['a', 'b', 'c'].map(cache.has), [true, false, true]);
});

test('pinned values stay and take no room', () => {
  const cache = fresh()('images');
  cache.put('pinned', 0, { max: 1, pinned: true });
  for (const name of ['a', 'b']) cache.put(name, name, { max: 1 });
  assert.deepEqual(['pinned', 'a', 'b'].map(cache.has), [true, false, true]);
});

test('listeners hear each name until they return false; one per owner', () => {
  const cache = fresh()('images'), heard = [], owner = {};
  cache.subscribe(owner, () => assert.fail('this listener was replaced'));
  cache.subscribe(owner, name => heard.push(['first', name]) < 2);
  cache.subscribe({}, name => heard.push(['second', name]) > 0);
  for (const name of ['a', 'b', 'c']) cache.put(name, 0, { max: 5 });
  assert.deepEqual(heard, [['first', 'a'], ['second', 'a'], ['first', 'b'], ['second', 'b'], ['second', 'c']]);
});
