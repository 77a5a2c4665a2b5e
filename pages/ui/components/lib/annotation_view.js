// The grid of particles itself: its tiles, or one particle enlarged, and the line above.
class AnnotationView {
  // grid: the AnnotationGrid it belongs to.
  constructor(grid) {
    this.grid = grid;
    this.panel = new AnnotationPanel(grid);
  }

  // The tiles are built again at the next painting.
  forgetTiles() { this.builtBatch = null; }

  listKeys({ answers }) {
    const usable = DECISION_KEYS.filter(([keys]) => answers.accept_rest || !['Enter', 'S', 'F'].includes(keys));
    this.grid.find('.keys').replaceChildren(...usable.map(([keys, meaning]) => {
      const line = newElement('div');
      line.append(newElement('kbd', '', keys), meaning);
      return line;
    }));
  }

  paint() {
    const { grid } = this, { batch, data, single } = grid, find = grid.find;
    find('.view').textContent = single ? 'Whole page' : 'One at a time';
    find('.keys').hidden = !grid.help;
    grid.box.classList.toggle('single', Boolean(single));
    find('.empty').hidden = Boolean(batch);
    find('.panel').hidden = !batch;
    find('.tiles').hidden = !batch || single;
    find('.one').hidden = !batch || !single;
    if (!batch) {
      find('.empty').textContent = data.more ? 'Loading the next page …' : data.end;
      find('.title').textContent = find('.done').textContent = '';
      return;
    }
    const decided = batch.items.filter(item => grid.decisionOn(item)).length;
    const selected = grid.selected.size ? ` · ${grid.selected.size} selected` : '';
    find('.title').textContent = batch.title;
    find('.done').textContent = `${decided} of ${batch.items.length} on this page${selected}`;
    if (!single) this.paintTiles();
    const tile = { index: grid.position, columns: batch.columns, px: batch.px, onLoad: () => grid.paint() };
    const canvases = single ? [['.sharp', 384, false], ['.smooth', 384, true]] : [['.large', 64, false]];
    for (const [name, side, smooth] of canvases)
      drawTile(find(name), grid.images.get(batch.sheet), { ...tile, side, smooth });
    this.panel.paint(batch.items[grid.position]);
  }

  paintTiles() {
    const { grid } = this, { batch, data } = grid, tiles = grid.find('.tiles');
    this.buildTiles(tiles);
    batch.items.forEach((item, index) => {
      const tile = tiles.children[index], chip = tile.querySelector('.chip'), decision = grid.decisionOn(item);
      const answer = decision && (decision.kind === 'skip' ? data.skipped : grid.labelText(decision.label));
      tile.classList.toggle('at', index === grid.position);
      tile.classList.toggle('picked', grid.selected.has(item.id));
      tile.classList.toggle('settled', Boolean(decision));
      tile.classList.toggle('refused', Boolean(data.notes[item.id]));
      tile.setAttribute('aria-selected', grid.selected.has(item.id));
      chip.classList.toggle('settled', Boolean(decision));
      chip.textContent = data.notes[item.id] ?? answer ?? (grid.labelText(item.given) || '–');
      tile.title = item.lines.join('\n');
      tile.setAttribute('aria-label', `${item.lines[0] ?? item.id}, ${chip.textContent}`);
    });
    tiles.children[grid.position]?.scrollIntoView?.({ block: 'nearest' });
  }

  buildTiles(tiles) {
    const { grid } = this, { batch } = grid, url = grid.images.get(batch.sheet);
    if (this.builtBatch === batch.id && this.builtUrl === url) return;
    Object.assign(this, { builtBatch: batch.id, builtUrl: url });
    const rows = Math.ceil(batch.items.length / batch.columns);
    tiles.replaceChildren(...batch.items.map((item, index) => {
      const tile = newElement('button', 'tile'), picture = newElement('span', 'picture');
      tile.type = 'button';
      tile.tabIndex = -1;
      tile.setAttribute('role', 'option');
      if (url) picture.style.background = tileBackground(url, index, batch.columns, rows);
      tile.append(picture, newElement('span', 'chip'));
      tile.onclick = event => grid.clickTile(index, event);
      tile.ondblclick = () => grid.toggleSingle();
      return tile;
    }));
  }
}
