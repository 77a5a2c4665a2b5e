// A map of particles: similar ones lie near each other. Hovering shows the particle; what is drawn around with the lasso
// or the box is told to the server in the map's own coordinates.
const MIN_STEP_PX = 4;  // between two corners drawn by hand
const MIN_DRAG_PX = 6;  // a smaller drawing is a click
const ZOOM_STEP = 1.3, PAN_PX = 40, EDGE_PX = 26, MAP_MARGIN = 0.05, RING_RADIUS_PX = 6, NOTE_GAP_PX = 12;
const SUSPECT_COLOUR = '#D3264B';  // at least 3:1 on both backgrounds

class EmbeddingMap {
  constructor(box) {
    Object.assign(this, { box, tool: 'lasso', hidden: new Set(), view: null, draft: null, outline: null, hovered: -1 });
    this.find = selector => box.querySelector(selector);
    this.columns = sharedCache('columns');
    this.images = sharedCache('images');
    this.listenToPointer(this.find('.over'));
    this.find('.plot').onkeydown = event => this.pressKey(event);
    for (const tool of ['lasso', 'frame']) this.find(`.${tool}`).onclick = () => this.chooseTool(tool);
    this.chooseTool('lasso');
    this.find('.in').onclick = () => this.zoom(ZOOM_STEP);
    this.find('.out').onclick = () => this.zoom(1 / ZOOM_STEP);
    this.find('.reset').onclick = () => this.resetZoom();
    keepDrawn(box, () => this.paint());
  }

  take(data, setTriggerValue) {
    this.setTriggerValue = setTriggerValue;
    const serialised = JSON.stringify(data);
    if (serialised === this.serialised) return;
    Object.assign(this, { serialised, data, outline: data.outline });
    this.load();
  }

  // As soon as the coordinates are there.
  load() {
    const { x, y, codes, suspects } = this.data;
    if (!this.columns.has(x) || !this.columns.has(y)) {
      this.columns.subscribe(this.box, () => { this.load(); return false; });
      return;
    }
    if (this.u !== this.columns.get(x)) this.view = null;
    Object.assign(this, { u: this.columns.get(x), v: this.columns.get(y), hovered: -1 });
    this.codes = unpacked(codes, Uint8Array);
    this.suspects = unpacked(suspects, Uint8Array);
    this.sorted = sortedByCode(this.codes, this.u, this.v);
    this.find('.plot').setAttribute('aria-label', this.data.alt);
    this.find('.note').hidden = true;
    for (const tool of ['.lasso', '.frame']) this.find(tool).hidden = !this.data.selectable;
    this.paintLegend();
    this.paint();
  }

  isShown(name) { return !this.hidden.has(name); }

  // [look, its points] of what is not hidden; dim: DIM for those that are not chosen, else 0.
  groups(dim) {
    return this.data.looks.flatMap((look, k) => (this.isShown(look.name) ? [[look, this.sorted.of(k + dim)]] : []));
  }

  limits() {
    if (this.view) return this.view;
    return [this.u, this.v].flatMap(values => {
      let low = Infinity, high = -Infinity;
      for (const value of values) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (low > high) return [0, 1];
      const margin = MAP_MARGIN * (high - low) || 1;
      return [low - margin, high + margin];
    });
  }

  paint() {
    const plot = this.find('.plot'), width = plot.clientWidth, height = plot.clientHeight;
    if (!this.u || !width) return;
    const pen = penOn(this.find('.under'), width, height), inks = inksOf(this.box), [u0, u1, v0, v1] = this.limits();
    this.x = axisFrom(u0, u1, EDGE_PX, width - 8, false);
    this.y = axisFrom(v0, v1, height - EDGE_PX, 8, false);
    this.paintFrame(pen, inks);
    const count = this.sorted.order.length, axes = [this.u, this.v, this.x, this.y];
    drawPoints(pen, [[this.groups(DIM), DIM_OPACITY], [this.groups(0), opacityOf(count)]], count, ...axes);
    this.paintRings(pen);
    this.nearest = null;
    this.find('.reset').disabled = !this.view;
    this.paintOver();
  }

  paintFrame(pen, inks) {
    const { x, y } = this;
    pen.font = inks.font;
    pen.strokeStyle = inks.line;
    pen.strokeRect(x.start - 0.5, y.end - 0.5, x.end - x.start + 1, y.start - y.end + 1);
    pen.fillStyle = inks.text;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.fillText(this.data.axes[0], (x.start + x.end) / 2, y.start + EDGE_PX / 2);
    pen.save();
    pen.translate(EDGE_PX / 2 - 3, (y.start + y.end) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(this.data.axes[1], 0, 0);
    pen.restore();
  }

  paintRings(pen) {
    if (!this.isShown(this.data.suspect_name)) return;
    pen.strokeStyle = SUSPECT_COLOUR;
    pen.lineWidth = 1.5;
    for (const [, points] of [...this.groups(DIM), ...this.groups(0)])
      for (const i of points) if (this.suspects[i]) this.ring(pen, i);
  }

  ring(pen, i) {
    const [x, y] = this.pixelOf(i);
    if (x < this.x.start || x > this.x.end || y < this.y.end || y > this.y.start) return;
    pen.beginPath();
    pen.arc(x, y, RING_RADIUS_PX, 0, 2 * Math.PI);
    pen.stroke();
  }

  pixelOf(i) { return [this.x.place(this.u[i]), this.y.place(this.v[i])]; }

  paintOver() {
    if (!this.x) return;
    const plot = this.find('.plot'), inks = inksOf(this.box);
    const pen = penOn(this.find('.over'), plot.clientWidth, plot.clientHeight), drawn = this.draft ?? this.outline;
    if (drawn && drawn.xs.length > 1) {
      const path = new Path2D();
      drawn.xs.forEach((value, k) => path.lineTo(this.x.place(value), this.y.place(drawn.ys[k])));
      path.closePath();
      paintOutline(pen, path, inks.accent);
    }
    if (this.hovered < 0) return;
    pen.strokeStyle = inks.text;
    pen.lineWidth = 1.5;
    this.ring(pen, this.hovered);
  }

  hover(point) {
    const groups = [...this.groups(DIM), ...this.groups(0)].map(([, points]) => points);
    this.nearest ??= gridOf(groups, this.u, this.v, this.x, this.y);
    const i = point ? this.nearest(point.x, point.y) : -1;
    if (i === this.hovered) return;
    this.hovered = i;
    this.paintNote(i);
    this.paintOver();
  }

  paintNote(i) {
    const note = this.find('.note'), { sheet, looks, suspect_name: suspectName } = this.data;
    note.hidden = i < 0;
    if (i < 0) return;
    const url = sheet && this.images.get(sheet.name), picture = this.find('.picture');
    picture.hidden = !url;
    if (url)
      drawTile(picture, url, { index: i, columns: sheet.columns, px: sheet.px, side: sheet.px,
                               onLoad: () => this.hovered === i && this.paintNote(i) });
    const label = looks[this.codes[i] & ~DIM].name;
    this.find('.text').textContent = this.suspects[i] ? `${label} · ${suspectName.toLowerCase()}` : label;
    const [x, y] = this.pixelOf(i), { clientWidth, clientHeight } = this.find('.plot');
    const left = x + NOTE_GAP_PX + note.offsetWidth > clientWidth ? x - NOTE_GAP_PX - note.offsetWidth : x + NOTE_GAP_PX;
    note.style.left = `${Math.max(0, left)}px`;
    note.style.top = `${Math.max(0, Math.min(clientHeight - note.offsetHeight, y - note.offsetHeight / 2))}px`;
  }

  tell(outline) {
    this.outline = outline;
    this.setTriggerValue('outline', outline ?? { xs: [], ys: [] });
    this.paintOver();
  }

  zoom(times, about) {
    if (!this.x) return;
    const near = (axis, pixel) => {
      const value = axis.value(pixel);
      return [value - (value - axis.low) / times, value + (axis.high - value) / times];
    };
    const { x = (this.x.start + this.x.end) / 2, y = (this.y.start + this.y.end) / 2 } = about ?? {};
    this.view = [...near(this.x, x), ...near(this.y, y)];
    this.paint();
  }

  pan(dx, dy) {
    const du = dx / this.x.perUnit, dv = dy / this.y.perUnit;
    this.view = [this.x.low - du, this.x.high - du, this.y.low - dv, this.y.high - dv];
    this.paint();
  }

  resetZoom() {
    this.view = null;
    this.paint();
  }

  chooseTool(tool) {
    this.tool = tool;
    for (const name of ['lasso', 'frame']) this.find(`.${name}`).setAttribute('aria-pressed', name === tool);
  }

  listenToPointer(over) {
    const pointOf = event => {
      const box = over.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    over.onpointerdown = event => {
      if (event.button || !this.x) return;
      over.setPointerCapture(event.pointerId);
      this.hover(null);
      if (event.shiftKey || !this.data.selectable) this.panFrom = pointOf(event);
      else this.corners = [this.insidePlot(pointOf(event))];
    };
    over.onpointermove = event => {
      if (!this.x) return;
      const point = pointOf(event);
      if (this.panFrom) {
        this.pan(point.x - this.panFrom.x, point.y - this.panFrom.y);
        this.panFrom = point;
      } else if (this.corners) this.extendDrawing(this.insidePlot(point));
      else this.hover(point);
    };
    over.onpointerup = () => this.endDrawing();
    over.onpointercancel = () => { this.panFrom = this.corners = this.draft = null; this.paintOver(); };
    over.onpointerleave = () => this.x && !this.corners && this.hover(null);
    over.ondblclick = () => this.outline && this.tell(null);
    over.onwheel = event => {
      // The wheel alone scrolls the page; a pinch comes as a wheel with Ctrl.
      if (!(event.ctrlKey || event.metaKey) || !this.x) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (Math.abs(event.deltaY) < 40 ? 0.01 : 0.002)), pointOf(event));
    };
  }

  insidePlot({ x, y }) {
    return [Math.max(this.x.start, Math.min(this.x.end, x)), Math.max(this.y.end, Math.min(this.y.start, y))];
  }

  extendDrawing(corner) {
    const [x, y] = this.corners[this.corners.length - 1];
    if (this.tool === 'frame') this.corners = [this.corners[0], corner];
    else if (Math.hypot(corner[0] - x, corner[1] - y) >= MIN_STEP_PX) this.corners.push(corner);
    this.draft = this.outlineOf(this.corners);
    this.paintOver();
  }

  // Corners on the screen as a closed outline in the map's coordinates.
  outlineOf(corners) {
    const [[x0, y0]] = corners, [x1, y1] = corners[corners.length - 1];
    const polygon = this.tool === 'frame' ? [[x0, y0], [x1, y0], [x1, y1], [x0, y1]] : corners;
    return { xs: polygon.map(([x]) => this.x.value(x)), ys: polygon.map(([, y]) => this.y.value(y)) };
  }

  endDrawing() {
    const corners = this.corners ?? [], xs = corners.map(([x]) => x), ys = corners.map(([, y]) => y);
    const width = Math.max(...xs) - Math.min(...xs), height = Math.max(...ys) - Math.min(...ys);
    const isClick = (this.tool === 'frame' ? Math.min(width, height) : Math.max(width, height)) < MIN_DRAG_PX;
    this.panFrom = this.corners = this.draft = null;
    if (corners.length < 2 || isClick) return this.paintOver();
    this.tell(this.outlineOf(corners));
  }

  pressKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.x) return;
    const action = {
      Escape: () => this.outline && this.tell(null), '+': () => this.zoom(ZOOM_STEP), '=': () => this.zoom(ZOOM_STEP),
      '-': () => this.zoom(1 / ZOOM_STEP), 0: () => this.resetZoom(), ArrowLeft: () => this.pan(PAN_PX, 0),
      ArrowRight: () => this.pan(-PAN_PX, 0), ArrowUp: () => this.pan(0, PAN_PX), ArrowDown: () => this.pan(0, -PAN_PX),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  paintLegend() {
    const { looks, suspect_name: name, suspect_count: count } = this.data;
    const rings = { name, count, hollow: true, colour: SUSPECT_COLOUR, marker: 'm-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z' };
    paintMapLegend(this.find('.legend'), count ? [...looks, rings] : looks, this.hidden, () => {
      this.paintLegend();
      this.paint();
    });
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector('.box');
  if (!data) return;
  box.map ??= new EmbeddingMap(box);
  box.map.take(data, setTriggerValue);
}
