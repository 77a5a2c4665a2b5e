// Labelling of particles by keys. What a key does is painted at once and kept in the browser (decision_outbox.js) until
// the server has confirmed it.
const RESEND_MS = 4000;  // an unconfirmed decision is sent again after this time
const KEYS_OFF = { away: 'Keys off: click this window', typing: 'Keys off: the focus is in a text field' };
const KEPT = ['painted', 'cleared', 'undoStack', 'finished', 'selected', 'position', 'batch', 'letters', 'single', 'help',
              'outbox', 'savedAt', 'filter'];  // of a grid whose place another one takes
const nameOf = ({ review, reviewer, filter }) => JSON.stringify([review, reviewer, filter]);
const timeNow = () => new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });

class AnnotationGrid {
  constructor(box, data) {
    Object.assign(this, {
      box, data, position: 0, selected: new Set(), undoStack: [], finished: new Set(), letters: null,
      painted: new Map(),  // particle -> {kind, label, event}: decided here; event: of an earlier visit, unconfirmed
      cleared: new Map(),  // particle -> n of the undo that opened it again here
    });
    this.takeOver(PageKeys.former(nameOf(data))?.client);
    this.find = selector => box.querySelector(selector);
    this.outbox ??= new DecisionOutbox(data.review);
    this.images = sharedCache('images');
    this.view = new AnnotationView(this);
    this.keys = new PageKeys(box, { client: this, name: () => nameOf(this.data), onKey: event => this.pressKey(event),
                                    onStatus: status => this.showKeyStatus(status) });
    this.images.subscribe(box, () => {
      if (box.isConnected) this.paint();
      return box.isConnected;
    });
    this.find('.view').onclick = () => this.toggleSingle();
    this.find('.help').onclick = () => this.toggleHelp();
    this.view.listKeys(data);
  }

  // A run may take the grid off the page and put another one there, or the same again: to the reviewer it is the same.
  takeOver(former) {
    if (former && former !== this)
      Object.assign(this, { isContinued: true }, Object.fromEntries(KEPT.map(name => [name, former[name]])));
  }

  // What the server has sent.
  take(data, setStateValue) {
    this.takeOver(PageKeys.former(nameOf(data))?.client);
    this.timer ??= setInterval(() => this.sendAgain(), RESEND_MS / 2);
    this.outbox.onlyOf = data.own_only ? data.reviewer : null;
    const isFirst = !this.setStateValue, pendingBefore = this.outbox.pending().length;
    Object.assign(this, { data, setStateValue, classes: new Map(data.classes.map(one => [one.key, one])) });
    this.outbox.confirm(data.saved);
    if (isFirst && this.isContinued) this.tellAll();
    else if (isFirst) this.resume();
    // Left by an earlier visit and confirmed by now: from here on the server knows better, an undo of this visit too.
    for (const [particle, { event }] of [...this.painted])
      if (event && event.n <= (data.saved[event.tab] ?? 0)) this.painted.delete(particle);
    if (pendingBefore && !this.outbox.pending().length) this.savedAt = timeNow();
    // The batch on the screen stays until it is left, whatever the server sends; after a gap it may have lost particles
    // to other reviewers, so the next key goes to the same particle, not to the same place.
    const current = this.batch?.items[this.position]?.id;
    this.batch = data.batches.find(batch => batch.id === this.batch?.id);
    if (!this.batch || this.finished.has(this.batch.id)) this.openNextBatch();
    else this.keepPosition(current);
    this.releaseFilter();
    this.keys.claim();
    this.paint();
    this.keys.replayHeld();
  }

  // What the former grid has told the server went with it.
  tellAll() {
    if (this.outbox.pending().length) this.send();
    if (this.finished.size) this.tellFinished();
  }

  // First drawing after a page load: what an earlier visit has left unconfirmed is painted and sent.
  resume() {
    const own = this.outbox.pending().filter(event => event.reviewer === this.data.reviewer);
    for (const { particle, kind, label, tab, n } of own.sort((a, b) => a.at - b.at || a.n - b.n))
      if (kind === 'undo') this.painted.delete(particle);
      else this.painted.set(particle, { kind, label, event: { tab, n } });
    // What is painted counts as decided: a page of which all is decided is behind the reviewer.
    const behind = this.data.batches.filter(batch => batch.items.every(item => this.decisionOn(item)));
    for (const batch of behind) this.finished.add(batch.id);
    if (this.outbox.pending().length) this.send();
    if (behind.length) this.tellFinished();
  }

  // A drop-down above the grid keeps the focus after a choice; the keys belong to the new page then.
  releaseFilter() {
    const active = deepActiveElement(), isNew = this.filter !== undefined && this.filter !== this.data.filter;
    this.filter = this.data.filter;
    if (isNew && active?.matches?.('[role=combobox]') && !active.closest(OPEN_OVERLAY)) active.blur();
  }

  openNextBatch() {
    this.batch = this.data.batches.find(batch => !this.finished.has(batch.id)) ?? null;
    if (this.batch) this.openBatch(this.batch);
  }

  openBatch(batch) {
    Object.assign(this, { batch, selected: new Set() });
    this.view.forgetTiles();
    this.position = Math.max(0, batch.items.findIndex(item => !this.decisionOn(item)));
  }

  keepPosition(particle) {
    const { items } = this.batch, position = items.findIndex(item => item.id === particle);
    if (position >= 0) this.position = position;
    else this.position = Math.max(0, items.findIndex(item => !this.decisionOn(item)));
  }

  // What was undone here is open until the server has heard of it; from then on it knows better.
  decisionOn(item) {
    const isCleared = (this.cleared.get(item.id) ?? 0) > (this.data.saved[this.outbox.tab] ?? 0);
    return this.painted.get(item.id) ?? (isCleared ? null : item.decided);
  }

  labelText(key) { return this.classes.get(key)?.name ?? this.data.label_names[key] ?? key; }

  send() {
    this.sentAt = Date.now();
    this.setStateValue('unsaved', this.outbox.pending());
    this.paintSaving();
  }

  // After a lost connection the next key may be long in coming.
  sendAgain() {
    if (!this.box.isConnected) this.timer = clearInterval(this.timer);
    else if (this.outbox.pending().length && Date.now() - (this.sentAt ?? 0) > RESEND_MS) this.send();
  }

  // One time for all that one key decides: the time per decision is shared among them.
  record(at, event) {
    return this.outbox.add({ reviewer: this.data.reviewer, at, batch: this.batch?.id ?? '', ...event });
  }

  decide(kind, to) {
    if (!this.batch) return;
    const { items } = this.batch, at = Date.now() / 1000, group = [];
    const chosen = this.selected.size ? items.filter(item => this.selected.has(item.id)) : [items[this.position]];
    for (const item of chosen) {
      const label = kind === 'keep' ? item.given : kind === 'suggestion' ? item.suggested : to;
      if ((kind === 'keep' || kind === 'suggestion') && !label) continue;
      const stored = kind === 'suggestion' ? 'label' : kind;
      const { tab, n } = this.record(at, { particle: item.id, kind: stored, label: label ?? '', from: item.given,
                                           purpose: item.purpose, again: item.again, shown: !item.hidden });
      group.push({ id: `${tab}/${n}`, particle: item.id, before: this.painted.get(item.id) });
      this.painted.set(item.id, { kind: stored, label: stored === 'skip' ? '' : label });
    }
    if (!group.length) return;
    this.undoStack.push(group);
    this.selected.clear();
    this.send();
    this.moveToOpen();
    this.paint();
  }

  moveToOpen() {
    const open = this.batch.items.flatMap((item, index) => (this.decisionOn(item) ? [] : [index]));
    const next = open.find(index => index > this.position) ?? open[0];
    if (next === undefined) this.finishBatch();
    else this.position = next;
  }

  finishBatch() {
    this.finished.add(this.batch.id);
    this.openNextBatch();
    this.tellFinished();
  }

  tellFinished() { this.setStateValue('finished', [...this.finished]); }

  acceptRest() {
    if (!this.batch) return;
    const open = this.batch.items.filter(item => !this.decisionOn(item));
    this.selected = new Set(open.filter(item => item.given).map(item => item.id));
    if (this.selected.size) this.decide('keep');
    if (this.batch && open.every(item => item.given) && this.batch.items.every(item => this.decisionOn(item))) {
      this.finishBatch();
      this.paint();
    }
  }

  undo() {
    const group = this.undoStack.pop(), at = Date.now() / 1000;
    if (!group) {
      this.record(at, { particle: '', kind: 'undo', label: '', undoes: '' });  // the server knows the last one
      return this.send();
    }
    for (const { id, particle, before } of [...group].reverse()) {
      const { n } = this.record(at, { particle, kind: 'undo', label: '', undoes: id });
      if (before) this.painted.set(particle, before);
      else { this.painted.delete(particle); this.cleared.set(particle, n); }
    }
    const [{ particle }] = group, home = this.data.batches.find(batch => batch.items.some(item => item.id === particle));
    if (home) {
      if (this.finished.delete(home.id)) this.tellFinished();
      if (home.id !== this.batch?.id) this.openBatch(home);
      this.position = home.items.findIndex(item => item.id === particle);
    }
    this.send();
    this.paint();
  }

  clickTile(index, event) {
    const { id } = this.batch.items[index];
    if (event.shiftKey) this.selectBetween(this.position, index);
    else if (!event.ctrlKey && !event.metaKey) this.selected.clear();
    else if (!this.selected.delete(id)) this.selected.add(id);
    this.position = index;
    this.paint();
  }

  selectBetween(from, to) {
    for (let k = Math.min(from, to); k <= Math.max(from, to); k++) this.selected.add(this.batch.items[k].id);
  }

  selectOpen() {
    for (const item of this.batch?.items ?? []) if (!this.decisionOn(item)) this.selected.add(item.id);
    this.paint();
  }

  clearSelection() {
    this.selected.clear();
    this.letters = null;
    this.paint();
  }

  toggleSingle() {
    this.single = !this.single;
    this.view.forgetTiles();
    this.paint();
  }

  toggleHelp() {
    this.help = !this.help;
    this.paint();
  }

  move(step, extend) {
    if (!this.batch) return;
    const from = this.position, to = Math.min(this.batch.items.length - 1, Math.max(0, from + step));
    if (extend) this.selectBetween(from, to);
    this.position = to;
    this.paint();
  }

  tilesPerRow() {
    if (this.single) return 1;
    const tiles = [...this.find('.tiles').children];
    return Math.max(1, tiles.findIndex(tile => tile.offsetTop !== tiles[0].offsetTop));
  }

  spell(letter) {
    this.letters += letter.toLowerCase();
    const matches = this.data.classes.filter(({ name }) => name.toLowerCase().startsWith(this.letters));
    this.find('.done').textContent = `/${this.letters} ${matches.map(({ name }) => name).join(', ')}`;
    if (matches.length === 1) {
      this.letters = null;
      this.decide('label', matches[0].key);
    }
    if (!matches.length) this.letters = null;
  }

  // Returns whether the key means something here. A key that is held down decides once.
  pressKey(event) {
    const { key, shiftKey } = event, isSelectAll = (event.ctrlKey || event.metaKey) && key.toLowerCase() === 'a';
    if (event.altKey || ((event.ctrlKey || event.metaKey) && !isSelectAll)) return false;
    let action = keyActions(this, shiftKey)[key.length === 1 ? key.toLowerCase() : key];
    const digit = /^[1-9]$/.test(key) && this.data.classes[key - 1];
    if (this.letters !== null && key.length === 1 && key !== '/') action = () => this.spell(key);
    else if (digit) action = () => this.decide('label', digit.key);
    if (!action) return false;
    if (!event.repeat || key.startsWith('Arrow')) action();
    return true;
  }

  showKeyStatus(status) {
    this.box.classList.toggle('keys-on', status === 'on');
    this.find('.keyboard').textContent = KEYS_OFF[status] ?? '';
  }

  paintSaving() {
    const saving = this.find('.saving'), count = this.outbox.pending().length;
    saving.textContent = count ? `Saving ${count}` : this.savedAt ? `Saved ${this.savedAt}` : '';
    saving.classList.toggle('waiting', count > 0);
  }

  paint() {
    this.paintSaving();
    this.view.paint();
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const box = parentElement.querySelector('.box');
  if (!data) return;
  box.grid ??= new AnnotationGrid(box, data);
  box.grid.take(data, setStateValue);
}
