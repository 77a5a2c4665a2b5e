// Beside the grid: what is known of the particle under the cursor, the answers, its nearest neighbours, typical tiles.
const newElement = (name, className = '', text = '') => Object.assign(document.createElement(name), { className, textContent: text });
const tileCell = background => {
  const cell = newElement('div', 'cell'), picture = newElement('div', 'picture');
  picture.style.background = background;
  cell.append(picture);
  return cell;
};

class AnnotationPanel {
  // grid: the AnnotationGrid it belongs to.
  constructor(grid) { this.grid = grid; }

  paint(item) {
    this.paintEvidence(item);
    this.paintAnswers(item);
    this.paintNeighbours(item);
    this.paintExamples();
  }

  paintEvidence(item) {
    const { grid } = this, evidence = grid.find('.evidence');
    evidence.replaceChildren(...item.lines.map(line => newElement('p', '', line)));
    for (const [key, probability] of item.hidden ? [] : item.probabilities) {
      const row = newElement('div', 'probability'), track = newElement('div', 'track'), fill = newElement('div', 'fill');
      fill.style.width = `${100 * probability}%`;
      fill.style.background = grid.classes.get(key)?.colour ?? 'var(--st-primary-color)';
      track.append(fill);
      row.append(newElement('span', '', grid.labelText(key)), track, newElement('span', '', probability.toFixed(2)));
      evidence.append(row);
    }
  }

  paintAnswers(item) {
    const { grid } = this, { answers, classes } = grid.data, suggested = item.hidden ? null : item.suggested;
    const button = (key, text, run, className = '') => {
      const answer = newElement('button', className, text);
      answer.type = 'button';
      if (key) answer.prepend(newElement('b', '', key));
      answer.onclick = run;
      return answer;
    };
    grid.find('.answers').replaceChildren(
      ...classes.map(({ key, name }, index) =>
        button(index < 9 ? index + 1 : '', name, () => grid.decide('label', key), key === suggested ? 'suggested' : '')),
      ...(item.given ? [button('⏎', answers.keep, () => grid.decide('keep'))] : []),
      button('U', answers.unsure, () => grid.decide('unsure', 'unsure')),
      button('X', answers.not_a_particle, () => grid.decide('not_a_particle', 'not_a_particle')),
      button('N', answers.skip, () => grid.decide('skip', '')),
      button('Z', answers.undo, () => grid.undo()),
      ...(answers.accept_rest ? [button('F', answers.accept_rest, () => grid.acceptRest())] : []),
    );
  }

  paintNeighbours(item) {
    const { grid } = this, { neighbours } = grid.batch, url = neighbours && grid.images.get(neighbours.sheet);
    const section = grid.find('.neighbours');
    section.hidden = !url || item.hidden || !item.neighbours.length;
    if (section.hidden) return;
    section.querySelector('.cells').replaceChildren(...item.neighbours.map(([index, label]) => {
      const cell = tileCell(tileBackground(url, index, neighbours.columns, neighbours.rows));
      const caption = newElement('div', `caption ${label === item.given ? '' : 'other'}`, grid.labelText(label));
      caption.title = grid.labelText(label);
      cell.append(caption);
      return cell;
    }));
  }

  paintExamples() {
    const { grid } = this, { examples } = grid.data, url = examples && grid.images.get(examples.sheet);
    grid.find('.examples').hidden = !url;
    if (!url || this.examplesUrl === url) return;
    this.examplesUrl = url;
    grid.find('.examples').replaceChildren(...examples.class_keys.flatMap((key, row) => {
      const cells = newElement('div', 'cells');
      for (let k = 0; k < examples.per_class; k++)
        cells.append(tileCell(tileBackground(url, row * examples.per_class + k, examples.per_class, examples.class_keys.length)));
      return [newElement('div', 'head', `${grid.labelText(key)}, typical`), cells];
    }));
  }
}
