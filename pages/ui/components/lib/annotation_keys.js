// The keys of the grid of particles: what each does, and how they are listed.
const DECISION_KEYS = [
  ['1 … 9', 'this class'], ['Enter', 'keep the given label'], ['S', 'accept the suggestion'], ['U', 'unsure'],
  ['X', 'not a particle'], ['N', 'skip'], ['Z', 'undo'], ['F', 'accept the rest, next page'],
  ['Arrows', 'move'], ['Shift + arrows', 'select'], ['A', 'select the whole page'], ['Esc', 'clear the selection'],
  ['Space', 'one at a time, enlarged'], ['/ letters', 'a class by its name'], ['?', 'show or hide these keys'],
];

// key -> what it does; letters in lower case.
const keyActions = (grid, extend) => ({
  ArrowRight: () => grid.move(1, extend), ArrowLeft: () => grid.move(-1, extend),
  ArrowDown: () => grid.move(grid.tilesPerRow(), extend), ArrowUp: () => grid.move(-grid.tilesPerRow(), extend),
  Enter: () => grid.decide('keep'), s: () => !grid.batch?.items[grid.position].hidden && grid.decide('suggestion'),
  u: () => grid.decide('unsure', 'unsure'), x: () => grid.decide('not_a_particle', 'not_a_particle'),
  n: () => grid.decide('skip', ''), z: () => grid.undo(), f: () => grid.acceptRest(), a: () => grid.selectOpen(),
  Escape: () => grid.clearSelection(), ' ': () => grid.toggleSingle(), '?': () => grid.toggleHelp(),
  '/': () => { grid.letters = ''; },
});
