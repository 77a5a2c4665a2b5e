// The boxes of one frame with what was changed in this browser and is not confirmed yet; every change can be undone.
//
// Contract. A change is {frame, box, kind, before, after, undoes, reviewer, at} with the states before and after it,
// {box: [top, left, bottom, right], label} or null; the outbox keeps it until the server has it. What the server sends is
// the state after all changes that it has.
const KINDS_OF = (before, after) => (!before ? 'draw' : !after ? 'delete' : before.label !== after.label ? 'label' : 'move');

class BoxChanges {
  constructor(outbox) { Object.assign(this, { outbox, boxes: new Map(), undoable: [] }); }

  // data: boxes, history (own changes in this frame that can be undone, oldest first), saved, frame, reviewer.
  take(data) {
    this.outbox.confirm(data.saved);
    const isSame = this.frame === data.frame && this.reviewer === data.reviewer;
    Object.assign(this, { frame: data.frame, reviewer: data.reviewer });
    this.boxes = new Map(data.boxes.map(box => [box.id, box]));
    this.checked = data.checked;
    const pending = this.outbox.pending().filter(event => event.frame === this.frame);
    pending.sort((a, b) => a.at - b.at || a.n - b.n);
    for (const event of pending) this.apply(event);
    if (isSame) return;
    this.undoable = [...data.history];
    for (const event of pending) if (event.reviewer === this.reviewer) this.remember(event);
  }

  apply({ box, after }) {
    if (!box) this.checked = Boolean(after?.checked);
    else if (after) this.boxes.set(box, { ...this.boxes.get(box), id: box, ...after, score: undefined });
    else this.boxes.delete(box);
  }

  remember(event) {
    if (event.undoes) this.undoable = this.undoable.filter(earlier => `${earlier.tab}/${earlier.n}` !== event.undoes);
    else this.undoable.push(event);
  }

  stateOf(id) {
    const box = this.boxes.get(id);
    return box ? { box: [...box.box], label: box.label } : null;
  }

  change(id, after, extra = {}) {
    const before = id ? this.stateOf(id) : { checked: this.checked };
    if (JSON.stringify(before) === JSON.stringify(after)) return null;
    const kind = extra.kind ?? (id ? KINDS_OF(before, after) : 'check');
    const event = this.outbox.add({ frame: this.frame, box: id, kind, before, after, undoes: '', reviewer: this.reviewer,
                                    at: Date.now() / 1000, ...extra });
    this.apply(event);
    this.remember(event);
    return event;
  }

  undo() {
    const last = this.undoable[this.undoable.length - 1];
    if (!last) return null;
    const before = last.box ? this.stateOf(last.box) : { checked: this.checked };
    const event = this.outbox.add({ frame: this.frame, box: last.box, kind: 'undo', before, after: last.before,
                                    undoes: `${last.tab}/${last.n}`, reviewer: this.reviewer, at: Date.now() / 1000 });
    this.apply(event);
    this.remember(event);
    return event;
  }
}
