// The entry point of a plot: `create(box)` makes its state once per box, `state.update()` takes new data from the server.
// state.send(name, value) tells the server; unchanged data are not drawn again.
const mountPlot = create => ({ data, parentElement, setTriggerValue }) => {
  const box = parentElement.querySelector('.box');
  if (!data) return;
  const state = (box.S ??= create(box)), serialized = JSON.stringify(data);
  state.send = setTriggerValue;
  if (state.serialized === serialized) return;
  Object.assign(state, { serialized, data });
  state.update();
};
// Position of a pointer event in px from the top left corner of an element.
const pointerIn = (element, event) => {
  const corner = element.getBoundingClientRect();
  return { x: event.clientX - corner.left, y: event.clientY - corner.top };
};
