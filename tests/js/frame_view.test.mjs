import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadScript } from './load_script.mjs';

const { FrameView } = loadScript('frame_view.js', ['FrameView']);
const opened = () => {
  const view = new FrameView();
  view.resize(1292, 964, 800, 560);
  return view;
};
const near = (a, b) => a.forEach((value, k) => assert.ok(Math.abs(value - b[k]) < 1e-6, `${a} is not ${b}`));

test('the whole frame is shown in the middle at first, and places go there and back', () => {
  const view = opened();
  near(view.toPage(646, 482), [400, 280]);
  near(view.toFrame(...view.toPage(17, 903)), [17, 903]);
});

test('zooming keeps the place under the pointer, and out of the frame there is nothing', () => {
  const view = opened(), before = view.toFrame(200, 100);
  view.zoom(4, 200, 100);
  near(view.toFrame(200, 100), before);
  view.pan(1e6, 1e6);
  near([view.left, view.top], [0, 0]);
  view.zoom(1e-9);
  assert.ok(view.isWhole);
  view.zoom(1e9);
  assert.equal(view.scale, 24);
});

test('a box out of view is moved into it, and another size of the window keeps the place', () => {
  const view = opened();
  view.zoom(10, 0, 0);
  view.show([900, 1200, 920, 1220]);
  const [x, y] = view.toPage(1210, 910);
  assert.ok(x > 0 && x < 800 && y > 0 && y < 560);
  const { left } = view;
  view.resize(1292, 964, 700, 560);
  assert.equal(view.left, left);
});
