// Deciding on particles by keys. What a key does is painted at once and kept in the browser's storage until the server
// has confirmed it; every message carries all that is not yet confirmed, so that none is lost or done twice.
const element = (name, className, words) => {
  const made = document.createElement(name);
  made.className = className ?? '';
  made.textContent = words ?? '';
  return made;
};
const part = (k, count) => (count > 1 ? (100 * k) / (count - 1) : 0) + '%';
const cut = (url, i, columns, rows) =>
  `${part(i % columns, columns)} ${part(Math.floor(i / columns), rows)} / ${100 * columns}% ${100 * rows}% no-repeat url(${url})`;
const clock = () => new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const SHEET = [
  ['1 … 9', 'this class'], ['Enter', 'keep the given label'], ['S', 'accept the suggestion'], ['U', 'unsure'],
  ['X', 'not a particle'], ['N', 'put off, next'], ['Z', 'undo'], ['F', 'the rest is fine: keep, next page'],
  ['Arrows', 'move'], ['Shift + arrows', 'select'], ['A', 'select the whole page'], ['Esc', 'select none'],
  ['Space', 'one at a time, large'], ['/ letters', 'a class by its name'], ['?', 'these keys'],
];

// The browser's storage, or memory where it is shut off: then only what is on its way could be lost.
const storage = box => (box.storage ??= (() => {
  try {
    localStorage.setItem('svp-probe', '1');
    localStorage.removeItem('svp-probe');
    return localStorage;
  } catch {
    const kept = new Map();
    return { setItem: (k, v) => kept.set(k, v), getItem: k => kept.get(k) ?? null, removeItem: k => kept.delete(k),
             names: () => [...kept.keys()] };
  }
})());

export default function ({ data, parentElement, setStateValue }) {
  const box = parentElement.querySelector('.box'), find = name => box.querySelector(name);
  if (!data) return;
  const S = (box.S ??= { tab: Date.now().toString(36) + Math.random().toString(36).slice(2, 8), n: 0, at: 0,
                         picked: new Set(), painted: new Map(), cleared: new Map(), undo: [], finished: new Set(), letters: null });
  const kept = storage(box), prefix = `svp-review/${data.review}/`;
  const names = () => (kept.names ? kept.names() : Object.keys(kept)).filter(name => name.startsWith(prefix));
  const unsaved = () => names().map(name => JSON.parse(kept.getItem(name)));
  const known = new Map(data.classes.map(one => [one.key, one]));
  const nameOf = key => known.get(key)?.name ?? data.words[key] ?? key;

  // Confirmed by the server: may be forgotten here.
  for (const event of unsaved())
    if (event.n <= (data.saved[event.tab] ?? 0)) kept.removeItem(`${prefix}${event.tab}/${event.n}`);
  if (!box.fresh) {
    box.fresh = true;
    for (const one of data.batches) if (one.items.every(item => item.decided)) S.finished.add(one.id);
    const ours = unsaved().filter(event => event.reviewer === data.reviewer).sort((a, b) => a.at - b.at || a.n - b.n);
    for (const { particle, kind, label, tab, n } of ours)
      if (kind === 'undo') S.painted.delete(particle); else S.painted.set(particle, { kind, label, left: { tab, n } });
    if (unsaved().length) setStateValue('unsaved', unsaved());  // left by a closed tab or a lost connection
  }
  // Left by an earlier visit and confirmed by now: from here on the server knows better, an undo of this visit too.
  for (const [particle, { left: event }] of [...S.painted])
    if (event && event.n <= (data.saved[event.tab] ?? 0)) S.painted.delete(particle);
  const left = unsaved();
  const saving = find('.saving');
  if (!left.length && S.n && S.confirmed !== data.saved[S.tab]) S.savedAt = clock();
  S.confirmed = data.saved[S.tab];
  const paintSaving = () => {
    const waiting = unsaved().length;
    saving.textContent = waiting ? `${waiting} being saved` : S.savedAt ? `Saved ${S.savedAt}` : '';
    saving.classList.toggle('waiting', waiting > 0);
  };
  paintSaving();

  // The batch on the desk: stays where it is until it is left, whatever the server sends.
  const open = id => data.batches.find(batch => batch.id === id);
  let batch = open(S.batch);
  if (!batch || S.finished.has(batch.id)) {
    batch = data.batches.find(one => !S.finished.has(one.id));
    if (batch) take(batch);
  }
  function take(next) {
    Object.assign(S, { batch: next.id, picked: new Set(), drawn: null });
    S.at = Math.max(0, next.items.findIndex(item => !item.decided && !S.painted.has(item.id)));
    batch = next;
  }
  // What was undone here is open until the server has heard of it; from then on it knows better.
  const settled = item => S.painted.get(item.id)
    ?? ((S.cleared.get(item.id) ?? 0) > (data.saved[S.tab] ?? 0) ? null : item.decided);

  const say = event => {
    const whole = { tab: S.tab, n: ++S.n, reviewer: data.reviewer, at: Date.now() / 1000, batch: batch?.id ?? '', ...event };
    kept.setItem(`${prefix}${whole.tab}/${whole.n}`, JSON.stringify(whole));
    return whole;
  };
  const send = () => { S.sentAt = Date.now(); setStateValue('unsaved', unsaved()); paintSaving(); };
  // After a lost connection the next key may be long in coming.
  box.send = send;
  box.timer ??= setInterval(() => {
    if (!box.isConnected) { clearInterval(box.timer); box.timer = null; }
    else if (unsaved().length && Date.now() - (S.sentAt ?? 0) > 4000) box.send();
  }, 2000);

  const act = (kind, to) => {
    if (!batch) return;
    const chosen = S.picked.size ? batch.items.filter(item => S.picked.has(item.id)) : [batch.items[S.at]];
    const group = [];
    for (const item of chosen) {
      const label = kind === 'keep' ? item.given : kind === 'suggestion' ? item.suggested : to;
      if ((kind === 'keep' || kind === 'suggestion') && !label) continue;
      const sort = kind === 'suggestion' ? 'label' : kind;
      const event = say({ particle: item.id, kind: sort, label: label ?? '', from: item.given,
                          purpose: item.purpose, again: item.again, shown: !item.hidden });
      group.push({ id: `${event.tab}/${event.n}`, particle: item.id, before: S.painted.get(item.id) });
      if (sort === 'skip') S.painted.set(item.id, { kind: 'skip', label: '' });
      else S.painted.set(item.id, { kind: sort, label });
    }
    if (!group.length) return;
    S.undo.push(group);
    S.picked.clear();
    send();
    forward();
    paint();
  };
  const forward = () => {
    const open_ = batch.items.map((item, i) => (settled(item) ? -1 : i)).filter(i => i >= 0);
    const next = open_.find(i => i > S.at) ?? open_[0];
    if (next === undefined) return leave();
    S.at = next;
  };
  const leave = () => {
    S.finished.add(batch.id);
    const next = data.batches.find(one => !S.finished.has(one.id));
    batch = null;
    if (next) take(next);
    setStateValue('finished', [...S.finished]);
  };
  const fine = () => {
    if (!batch) return;
    S.picked = new Set(batch.items.filter(item => !settled(item) && item.given).map(item => item.id));
    const rest = batch.items.some(item => !settled(item) && !item.given);
    if (S.picked.size) act('keep');
    if (batch && !rest && batch.items.every(settled)) { leave(); paint(); }
  };
  const undo = () => {
    const group = S.undo.pop();
    if (!group) {
      say({ particle: '', kind: 'undo', label: '', undoes: '' });  // of an earlier visit: the server knows which
      return send();
    }
    for (const one of [...group].reverse()) {
      say({ particle: one.particle, kind: 'undo', label: '', undoes: one.id });
      if (one.before) S.painted.set(one.particle, one.before);
      else { S.painted.delete(one.particle); S.cleared.set(one.particle, S.n); }
    }
    const home = data.batches.find(one => one.items.some(item => item.id === group[0].particle));
    if (home) {
      if (S.finished.delete(home.id)) setStateValue('finished', [...S.finished]);
      if (home !== batch) take(home);
      S.at = home.items.findIndex(item => item.id === group[0].particle);
    }
    send();
    paint();
  };

  const sheetOf = one => sharedCache('images').get(one.sheet);
  const drawTiles = () => {
    const url = sheetOf(batch), tiles = find('.tiles'), rows = Math.ceil(batch.items.length / batch.columns);
    if (S.drawn === batch.id && S.url === url) return;
    Object.assign(S, { drawn: batch.id, url });
    tiles.replaceChildren(...batch.items.map((item, i) => {
      const tile = element('button', 'tile'), picture = element('span', 'picture');
      tile.type = 'button';
      tile.tabIndex = -1;
      tile.setAttribute('role', 'option');
      if (url) picture.style.background = cut(url, i, batch.columns, rows);
      tile.append(picture, element('span', 'chip'));
      tile.onclick = event => {
        if (event.shiftKey) reach(i); else if (event.ctrlKey || event.metaKey) toggle(i); else S.picked.clear();
        S.at = i;
        box.focus({ preventScroll: true });
        paint();
      };
      tile.ondblclick = () => { S.single = true; paint(); };
      return tile;
    }));
  };
  const toggle = i => {
    const id = batch.items[i].id;
    S.picked.has(id) ? S.picked.delete(id) : S.picked.add(id);
  };
  const reach = i => { for (let k = Math.min(S.at, i); k <= Math.max(S.at, i); k++) S.picked.add(batch.items[k].id); };

  const draw = (canvas, i, side, smooth) => {
    const url = sheetOf(batch);
    canvas.width = canvas.height = side;
    if (!url) return;
    const picture = (S.pictures ??= new Map()).get(url) ?? new Image();
    S.pictures.set(url, picture);
    if (!picture.src) picture.src = url;
    const put = () => {
      const context = canvas.getContext('2d');
      context.imageSmoothingEnabled = smooth;
      context.imageSmoothingQuality = 'high';
      context.drawImage(picture, (i % batch.columns) * batch.px, Math.floor(i / batch.columns) * batch.px,
                        batch.px, batch.px, 0, 0, side, side);
    };
    picture.complete && picture.naturalWidth ? put() : picture.addEventListener('load', paint, { once: true });
  };

  function paint() {
    paintSaving();
    find('.view').textContent = S.single ? 'Page' : 'One at a time';
    find('.keys').hidden = !S.help;
    box.classList.toggle('single', Boolean(S.single));
    const empty = find('.empty');
    empty.hidden = Boolean(batch);
    find('.panel').hidden = !batch;
    find('.tiles').hidden = !batch || S.single;
    find('.one').hidden = !batch || !S.single;
    if (!batch) {
      empty.textContent = data.more ? 'The next page is on its way …' : data.words.end;
      find('.title').textContent = find('.done').textContent = '';
      return;
    }
    const item = batch.items[S.at], count = batch.items.filter(settled).length;
    find('.title').textContent = batch.title;
    find('.done').textContent = `${count} of ${batch.items.length} on this page` + (S.picked.size ? ` · ${S.picked.size} selected` : '');
    if (S.single) {
      draw(find('.sharp'), S.at, 384, false);
      draw(find('.smooth'), S.at, 384, true);
    } else {
      drawTiles();
      [...find('.tiles').children].forEach((tile, i) => {
        const one = batch.items[i], answer = settled(one), chip = tile.querySelector('.chip');
        tile.classList.toggle('at', i === S.at);
        tile.classList.toggle('picked', S.picked.has(one.id));
        tile.classList.toggle('settled', Boolean(answer));
        tile.classList.toggle('refused', Boolean(data.notes[one.id]));
        tile.setAttribute('aria-selected', S.picked.has(one.id));
        chip.classList.toggle('settled', Boolean(answer));
        chip.textContent = data.notes[one.id] ?? (answer ? (answer.kind === 'skip' ? 'Put off' : nameOf(answer.label)) : nameOf(one.given) || '–');
        tile.title = one.words.join('\n');
        tile.setAttribute('aria-label', `${one.words[0] ?? one.id}, ${chip.textContent}`);
      });
      find('.tiles').children[S.at]?.scrollIntoView?.({ block: 'nearest' });
      draw(find('.large'), S.at, 64, false);
    }
    paintEvidence(item);
  }

  const paintEvidence = item => {
    const evidence = find('.evidence');
    evidence.replaceChildren(...item.words.map(words => element('p', '', words)));
    for (const [key, p] of item.hidden ? [] : item.probabilities) {
      const line = element('div', 'probability'), track = element('div', 'track'), fill = element('div', 'fill');
      fill.style.width = `${100 * p}%`;
      fill.style.background = known.get(key)?.colour ?? 'var(--st-primary-color)';
      track.append(fill);
      line.append(element('span', '', nameOf(key)), track, element('span', '', p.toFixed(2)));
      evidence.append(line);
    }
    const answer = (key, words, run, className = '') => {
      const button = element('button', className, words);
      button.type = 'button';
      button.prepend(element('b', '', key));
      button.onclick = () => { run(); box.focus({ preventScroll: true }); };
      return button;
    };
    const suggested = item.hidden ? null : item.suggested;
    find('.answers').replaceChildren(
      ...data.classes.slice(0, 9).map((one, i) =>
        answer(i + 1, one.name, () => act('label', one.key), one.key === suggested ? 'suggested' : '')),
      ...(item.given ? [answer('⏎', 'Keep', () => act('keep'))] : []),
      answer('U', data.words.unsure, () => act('unsure', 'unsure')),
      answer('X', data.words.not_a_particle, () => act('not_a_particle', 'not_a_particle')),
      answer('N', 'Put off', () => act('skip', '')),
      answer('Z', 'Undo', undo),
      answer('F', 'Rest is fine, next', fine),
    );
    const around = find('.around'), url = batch.around && sharedCache('images').get(batch.around.sheet);
    around.hidden = !url || item.hidden || !item.neighbours.length;
    if (!around.hidden)
      around.querySelector('.cells').replaceChildren(...item.neighbours.map(([place, label]) => {
        const cell = element('div', 'cell'), picture = element('div', 'picture');
        picture.style.background = cut(url, place, batch.around.columns, batch.around.rows);
        const word = element('div', `word ${label === item.given ? '' : 'other'}`, nameOf(label));
        word.title = nameOf(label);
        cell.append(picture, word);
        return cell;
      }));
    paintExamples();
  };
  const paintExamples = () => {
    const url = data.examples && sharedCache('images').get(data.examples.sheet), examples = find('.examples');
    examples.hidden = !url;
    if (!url || S.examples === url) return;
    S.examples = url;
    const { of, each } = data.examples;
    examples.replaceChildren(...of.flatMap((key, row) => {
      const cells = element('div', 'cells');
      for (let k = 0; k < each; k++) {
        const cell = element('div', 'cell'), picture = element('div', 'picture');
        picture.style.background = cut(url, row * each + k, each, of.length);
        cell.append(picture);
        cells.append(cell);
      }
      return [element('div', 'head', `${nameOf(key)}, typical`), cells];
    }));
  };

  const move = (step, extend) => {
    if (!batch) return;
    const from = S.at, to = Math.min(batch.items.length - 1, Math.max(0, from + step));
    if (extend) for (let k = Math.min(from, to); k <= Math.max(from, to); k++) S.picked.add(batch.items[k].id);
    S.at = to;
    paint();
  };
  const across = () => {
    const tiles = [...find('.tiles').children];
    return Math.max(1, tiles.findIndex(tile => tile.offsetTop !== tiles[0].offsetTop));
  };
  const spell = letter => {
    S.letters += letter.toLowerCase();
    const found = data.classes.filter(one => one.name.toLowerCase().startsWith(S.letters));
    find('.done').textContent = `/${S.letters} ${found.map(one => one.name).join(', ')}`;
    if (found.length === 1) { S.letters = null; act('label', found[0].key); }
    if (!found.length) S.letters = null;
  };

  box.onkeydown = event => {
    const key = event.key;
    if (event.altKey || ((event.ctrlKey || event.metaKey) && key.toLowerCase() !== 'a')) return;
    const on = {
      ArrowRight: () => move(1, event.shiftKey), ArrowLeft: () => move(-1, event.shiftKey),
      ArrowDown: () => move(S.single ? 1 : across(), event.shiftKey),
      ArrowUp: () => move(S.single ? -1 : -across(), event.shiftKey),
      Enter: () => act('keep'), s: () => !batch?.items[S.at].hidden && act('suggestion'), u: () => act('unsure', 'unsure'),
      x: () => act('not_a_particle', 'not_a_particle'), n: () => act('skip', ''), z: undo, f: fine,
      a: () => { batch?.items.forEach(item => settled(item) || S.picked.add(item.id)); paint(); },
      Escape: () => { S.picked.clear(); S.letters = null; paint(); },
      ' ': () => { S.single = !S.single; S.drawn = null; paint(); },
      '?': () => { S.help = !S.help; paint(); }, '/': () => { S.letters = ''; },
    };
    let run = on[key] ?? on[key.length === 1 ? key.toLowerCase() : key];
    if (S.letters !== null && key.length === 1 && key !== '/') run = () => spell(key);
    else if (/^[1-9]$/.test(key)) run = data.classes[key - 1] && (() => act('label', data.classes[key - 1].key));
    if (!run) return;
    event.preventDefault();
    event.stopPropagation();
    run();
  };
  find('.view').onclick = () => { S.single = !S.single; S.drawn = null; paint(); box.focus({ preventScroll: true }); };
  find('.help').onclick = () => { S.help = !S.help; paint(); box.focus({ preventScroll: true }); };
  find('.keys').replaceChildren(...SHEET.map(([keys, words]) => {
    const line = element('div');
    line.append(element('kbd', '', keys), words);
    return line;
  }));
  // A picture that comes later than the words.
  sharedCache('images').subscribe(box, () => {
    S.examples = null;
    if (box.isConnected) paint();
    return box.isConnected;
  });
  paint();
}
