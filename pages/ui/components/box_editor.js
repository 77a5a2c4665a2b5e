// A camera frame with boxes that are drawn, moved, resized, relabelled and deleted with mouse and keys.
const GRIP_PX = 7, MIN_BOX_PX = 3, CLICK_PX = 4, STEP = 1.3, PAN_PX = 60, LABEL_PX = 11, MAX_HEIGHT_PX = 560;
const PLAIN = '#FFC21A', TRUTH = '#19E0FF', CUT = '#FF7AD9';  // seen on grey frames, light and dark

class BoxEditor {
  constructor(box) {
    Object.assign(this, { box, view: new FrameView(), selected: '', drag: null, hovered: '' });
    this.find = selector => box.querySelector(selector);
    this.images = sharedCache('images');
    const on = (selector, action) => { this.find(selector).onclick = action; };
    on('.in', () => this.zoom(STEP));
    on('.out', () => this.zoom(1 / STEP));
    on('.fit', () => { this.view.fit(); this.paint(); });
    on('.undo', () => this.undo());
    on('.remove', () => this.remove());
    this.listenToPointer(this.find('.over'));
    new PageKeys(box, { onKey: event => this.pressKey(event) });
    keepDrawn(box, () => this.paint());
  }

  take(data, setStateValue) {
    const isNew = this.data?.record !== data.record, isOther = isNew || this.data?.frame !== data.frame;
    if (isNew) this.changes = new BoxChanges(new DecisionOutbox(data.record));
    Object.assign(this, { data, setStateValue });
    this.changes.outbox.onlyOf = data.own_only ? data.reviewer : null;
    this.changes.take(data);
    if (isOther) Object.assign(this, { selected: '', drag: null, picture: null });
    if (!this.changes.boxes.has(this.selected)) this.selected = '';
    this.find('.plot').setAttribute('aria-label', data.alt);
    this.loadPicture();
    this.paintHead();
    this.paint();
    if (isNew && this.changes.outbox.pending().length) this.send();
  }

  send() { this.setStateValue('unsaved', this.changes.outbox.pending()); }

  loadPicture() {
    const url = this.images.get(this.data.image);
    if (!url) {
      this.images.subscribe(this.box, () => { this.loadPicture(); return !this.images.has(this.data.image); });
      return;
    }
    if (this.picture?.src === url) return;
    const picture = new Image();
    picture.onload = () => { this.picture = picture; this.paint(); };
    picture.src = url;
  }

  colourOf(box) {
    return this.data.labels.find(label => label.key === box.label)?.colour ?? (box.cut ? CUT : PLAIN);
  }

  paint() {
    const plot = this.find('.plot'), across = plot.clientWidth;
    if (!across || !this.data) return;
    plot.style.height = `${Math.round(Math.min(MAX_HEIGHT_PX, across * this.data.height / this.data.width))}px`;
    const down = plot.clientHeight;
    this.view.resize(this.data.width, this.data.height, across, down);
    const under = penOn(this.find('.under'), across, down);
    if (this.picture) this.view.paint(under, this.picture);
    this.find('.fit').disabled = this.view.isWhole;
    this.paintBoxes(penOn(this.find('.over'), across, down));
    this.paintState();
  }

  rectangle([top, left, bottom, right]) {
    const [x, y] = this.view.toPage(left, top), [end, low] = this.view.toPage(right, bottom);
    return [x, y, end - x, low - y];
  }

  paintBoxes(pen) {
    pen.font = `${LABEL_PX}px ${getComputedStyle(this.box).fontFamily}`;
    pen.setLineDash([4, 3]);
    pen.lineWidth = 1.5;
    for (const { box, text } of this.data.truth) {
      pen.strokeStyle = TRUTH;
      pen.strokeRect(...this.rectangle(box));
      if (text) this.paintText(pen, text, box, true);
    }
    pen.setLineDash([]);
    for (const box of this.changes.boxes.values()) {
      const chosen = box.id === this.selected, shown = chosen && this.drag?.box ? this.drag.box : box.box;
      pen.strokeStyle = this.colourOf(box);
      pen.lineWidth = chosen ? 3 : 1.5;
      pen.strokeRect(...this.rectangle(shown));
      if (chosen && this.data.editable) this.paintGrips(pen, shown);
      const text = [this.nameOf(box.label), box.score == null ? '' : box.score.toFixed(2)].filter(Boolean).join(' ');
      if (text && (chosen || this.changes.boxes.size <= 200)) this.paintText(pen, text, shown, false);
    }
    if (this.drag?.kind === 'draw' && this.drag.box) {
      pen.strokeStyle = PLAIN;
      pen.lineWidth = 2;
      pen.strokeRect(...this.rectangle(this.drag.box));
    }
  }

  paintGrips(pen, box) {
    const [x, y, width, height] = this.rectangle(box), side = GRIP_PX - 1;
    pen.fillStyle = pen.strokeStyle;
    for (const [u, v] of [[x, y], [x + width, y], [x, y + height], [x + width, y + height]])
      pen.fillRect(u - side / 2, v - side / 2, side, side);
  }

  paintText(pen, text, box, below) {
    const [x, y, , height] = this.rectangle(box), width = pen.measureText(text).width + 6;
    const top = below ? y + height + 1 : y - LABEL_PX - 5;
    pen.fillStyle = 'rgba(0, 0, 0, .65)';
    pen.fillRect(x, top, width, LABEL_PX + 4);
    pen.fillStyle = below ? TRUTH : '#fff';
    pen.fillText(text, x + 3, top + LABEL_PX);
  }

  nameOf(label) { return this.data.labels.find(({ key }) => key === label)?.name ?? label; }

  paintHead() {
    const { labels, editable } = this.data, row = this.find('.labels'), chosen = this.changes.boxes.get(this.selected);
    for (const name of ['.undo', '.remove']) this.find(name).hidden = !editable;
    this.find('.undo').disabled = !this.changes.undoable.length;
    this.find('.remove').disabled = !chosen;
    row.replaceChildren(...(editable ? labels : []).map((label, k) => {
      const button = element('button'), dot = element('span', 'dot');
      dot.style.background = label.colour;
      if (k < 9) button.append(element('span', 'key', `${k + 1}`));
      button.append(dot, label.name);
      button.type = 'button';
      button.disabled = !chosen;
      button.setAttribute('aria-pressed', chosen?.label === label.key);
      button.onclick = () => this.label(label.key);
      return button;
    }));
  }

  paintState() {
    const waiting = this.changes.outbox.pending().length, { boxes, checked } = this.changes;
    const parts = [`${boxes.size} boxes`, checked ? 'checked' : '', waiting ? `${waiting} being saved` : ''];
    this.find('.state').textContent = parts.filter(Boolean).join(' · ');
    Object.assign(this.box.dataset, { boxes: boxes.size, waiting, frame: this.data.frame });
    const chosen = boxes.get(this.selected) ?? boxes.get(this.hovered);
    const [top, left, bottom, right] = (chosen && this.drag?.box) || chosen?.box || [];
    this.find('.note').textContent = chosen
      ? `x ${left}, y ${top}, ${right - left} × ${bottom - top} px${chosen.cut ? ', cut by the border' : ''}`
      : this.data.editable ? 'Drag on the frame to draw a box; click one to select it; Shift and drag to move the frame.'
        : 'Shift and drag to move the frame.';
  }

  done(event) {
    if (event) this.send();
    this.paintHead();
    this.paint();
  }

  change(id, box, label) { this.done(this.changes.change(id, { box, label })); }

  label(key) {
    const chosen = this.changes.boxes.get(this.selected);
    if (chosen && this.data.editable) this.change(chosen.id, [...chosen.box], chosen.label === key ? '' : key);
  }

  remove() {
    if (!this.selected || !this.data.editable) return;
    const { selected } = this;
    this.selected = '';
    this.done(this.changes.change(selected, null));
  }

  undo() {
    if (!this.data.editable) return;
    const event = this.changes.undo();
    this.selected = event && this.changes.boxes.has(event.box) ? event.box : '';
    if (this.selected) this.view.show(this.changes.boxes.get(this.selected).box);
    this.done(event);
  }

  select(id) {
    this.selected = id;
    if (id) this.view.show(this.changes.boxes.get(id).box);
    this.done(null);
  }

  selectNext(step) {
    const ids = [...this.changes.boxes.keys()];
    if (ids.length) this.select(ids[(ids.indexOf(this.selected) + step + ids.length) % ids.length]);
  }

  nudge(sides) {
    const chosen = this.changes.boxes.get(this.selected);
    if (!chosen || !this.data.editable) return false;
    const box = insideFrame(chosen.box.map((value, k) => value + sides[k]), this.data);
    if (box[2] > box[0] && box[3] > box[1]) this.change(chosen.id, box, chosen.label);
    return true;
  }

  zoom(times, x, y) {
    this.view.zoom(times, x, y);
    this.paint();
  }

  pan(dx, dy) {
    this.view.pan(dx, dy);
    this.paint();
    return true;
  }

  pressKey(event) {
    if (event.ctrlKey || event.metaKey || !this.data) return false;
    const by = event.shiftKey ? 10 : 1, size = event.altKey, move = (dy, dx) => (size ? [0, 0, dy, dx] : [dy, dx, dy, dx]);
    const arrow = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (arrow) return this.nudge(move(arrow[0] * by, arrow[1] * by)) || this.pan(-arrow[1] * PAN_PX, -arrow[0] * PAN_PX);
    if (event.altKey) return false;
    const digit = +event.key, label = digit >= 1 && this.data.labels[digit - 1];
    if (label) return this.label(label.key) ?? true;
    const action = {
      Delete: () => this.remove(), Backspace: () => this.remove(), x: () => this.remove(), z: () => this.undo(),
      Escape: () => this.select(''), n: () => this.selectNext(1), p: () => this.selectNext(-1), '+': () => this.zoom(STEP),
      '=': () => this.zoom(STEP), '-': () => this.zoom(1 / STEP), 0: () => { this.view.fit(); this.paint(); },
      Enter: () => this.data.editable && this.done(this.changes.change('', { checked: !this.changes.checked })),
    }[event.key];
    if (!action) return false;
    action();
    return true;
  }

  listenToPointer(over) {
    const at = event => {
      const { left, top } = over.getBoundingClientRect();
      return [event.clientX - left, event.clientY - top];
    };
    over.onpointerdown = event => {
      if (!this.data || event.button > 1) return;
      over.setPointerCapture(event.pointerId);
      const [x, y] = at(event), isPan = event.shiftKey || event.button === 1 || !this.data.editable;
      this.drag = { ...(isPan ? { kind: 'pan' } : this.grabbed(x, y, event.altKey)), start: [x, y], last: [x, y] };
    };
    over.onpointermove = event => (this.drag ? this.dragTo(...at(event)) : this.hover(over, ...at(event)));
    over.onpointerup = () => this.drop();
    over.onpointercancel = () => { this.drag = null; this.paint(); };
    over.onwheel = event => {
      // The wheel alone scrolls the page; a pinch comes as a wheel with Ctrl.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * 0.002), ...at(event));
    };
  }

  // What a press at this place takes hold of: a corner of the selected box, a box, or nothing: then one is drawn.
  grabbed(x, y, isDrawing) {
    const chosen = this.changes.boxes.get(this.selected);
    const corner = chosen && cornerAt(this.rectangle(chosen.box), x, y, GRIP_PX);
    if (corner) return { kind: 'resize', id: chosen.id, corner };
    const id = isDrawing ? '' : smallestAt(this.changes.boxes.values(), ...this.view.toFrame(x, y));
    return id ? { kind: 'move', id } : { kind: 'draw' };
  }

  hover(over, x, y) {
    if (!this.data) return;
    const id = smallestAt(this.changes.boxes.values(), ...this.view.toFrame(x, y));
    over.style.cursor = this.data.editable ? (id ? 'move' : 'crosshair') : 'grab';
    if (id === this.hovered) return;
    this.hovered = id;
    this.paintState();
  }

  dragTo(x, y) {
    const { drag } = this, [fromX, fromY] = drag.start;
    if (drag.kind === 'pan') {
      this.view.pan(x - drag.last[0], y - drag.last[1]);
      drag.last = [x, y];
      return this.paint();
    }
    if (!drag.box && Math.hypot(x - fromX, y - fromY) < CLICK_PX) return;
    if (drag.id && this.selected !== drag.id) this.selected = drag.id;
    drag.box = draggedBox(drag, this.changes.boxes.get(drag.id)?.box, this.view.toFrame(fromX, fromY),
                          this.view.toFrame(x, y), this.data);
    this.paint();
  }

  drop() {
    const { drag } = this;
    this.drag = null;
    if (!drag || drag.kind === 'pan') return;
    if (!drag.box) return this.select(drag.id ?? '');
    const [top, left, bottom, right] = drag.box;
    if (bottom - top < MIN_BOX_PX || right - left < MIN_BOX_PX) return this.paint();
    if (drag.kind !== 'draw') return this.change(drag.id, drag.box, this.changes.boxes.get(drag.id).label);
    this.selected = `${this.changes.outbox.tab}-${this.changes.outbox.n + 1}`;
    this.change(this.selected, drag.box, this.data.default_label);
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const box = parentElement.querySelector('.box');
  if (!data) return;
  box.editor ??= new BoxEditor(box);
  box.editor.take(data, setStateValue);
}
