import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadScript } from './load_script.mjs';

const { DecisionOutbox } = loadScript('decision_outbox.js', ['DecisionOutbox']);
const { BoxChanges } = loadScript('box_changes.js', ['BoxChanges']);
const located = [{ id: 'p1', box: [1, 1, 9, 9], label: '', score: 0.9 }, { id: 'p2', box: [20, 20, 30, 30], label: '' }];
const sent = (changes, more = {}) => ({ boxes: located, history: [], saved: {}, frame: 'f', reviewer: 'Ada',
                                        checked: false, ...more });
const opened = () => {
  const changes = new BoxChanges(new DecisionOutbox(`r${Math.random()}`));
  changes.take(sent());
  return changes;
};

test('changes hold at once, know the state before, and lose the score of a box that was found', () => {
  const changes = opened();
  const moved = changes.change('p1', { box: [2, 1, 10, 9], label: '' });
  assert.deepEqual([moved.kind, moved.before.box, moved.after.box], ['move', [1, 1, 9, 9], [2, 1, 10, 9]]);
  assert.equal(changes.boxes.get('p1').score, undefined);
  assert.equal(changes.change('p2', { box: [20, 20, 30, 30], label: 'protein' }).kind, 'label');
  assert.equal(changes.change('p2', null).kind, 'delete');
  assert.equal(changes.change('d', { box: [3, 3, 5, 5], label: '' }).kind, 'draw');
  assert.equal(changes.change('d', { box: [3, 3, 5, 5], label: '' }), null);
  assert.deepEqual([...changes.boxes.keys()], ['p1', 'd']);
});

test('undo goes back step by step, as one more change each', () => {
  const changes = opened();
  changes.change('p1', { box: [2, 1, 10, 9], label: '' });
  changes.change('p2', null);
  const first = changes.undo();
  assert.deepEqual([first.kind, first.box, first.after.box], ['undo', 'p2', [20, 20, 30, 30]]);
  assert.equal(changes.undo().box, 'p1');
  assert.deepEqual(changes.boxes.get('p1').box, [1, 1, 9, 9]);
  assert.equal(changes.undo(), null);
  assert.equal(changes.outbox.pending().length, 4);
});

test('what is not confirmed yet is applied to what the server sends, and undo survives a reload', () => {
  const changes = opened();
  changes.change('p2', null);
  changes.take(sent());
  assert.ok(!changes.boxes.has('p2'));
  const reloaded = new BoxChanges(changes.outbox);
  reloaded.take(sent());
  assert.equal(reloaded.undo().box, 'p2');
  const later = new BoxChanges(new DecisionOutbox('other'));
  later.take(sent(later, { history: [{ tab: 't', n: 1, frame: 'f', box: 'p1', before: null, after: {}, undoes: '' }] }));
  assert.equal(later.undo().undoes, 't/1');
  assert.ok(!later.boxes.has('p1'));
});

test('changes of another frame stay pending and do not touch this one', () => {
  const changes = opened();
  changes.change('p1', null);
  changes.take(sent(changes, { frame: 'g' }));
  assert.ok(changes.boxes.has('p1'));
  assert.equal(changes.undo(), null);
  assert.equal(changes.outbox.pending().length, 1);
});
