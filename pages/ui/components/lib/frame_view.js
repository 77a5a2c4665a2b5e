// A frame on a canvas that can be zoomed and moved: positions in pixels of the frame <-> px of the page.
const MAX_ZOOM = 24;  // px of the page per pixel of the frame

class FrameView {
  constructor() { Object.assign(this, { scale: 0, left: 0, top: 0, isWhole: true }); }

  // width, height: of the frame; across, down: of the canvas.
  resize(width, height, across, down) {
    const changed = this.width !== width || this.height !== height;
    Object.assign(this, { width, height, across, down });
    if (this.isWhole || changed || !this.scale) this.fit();
    else this.keepInside();
  }

  get smallest() { return Math.min(this.across / this.width, this.down / this.height); }

  fit() {
    this.isWhole = true;
    this.scale = this.smallest;
    this.left = (this.width - this.across / this.scale) / 2;
    this.top = (this.height - this.down / this.scale) / 2;
  }

  toPage(column, row) { return [(column - this.left) * this.scale, (row - this.top) * this.scale]; }

  toFrame(x, y) { return [this.left + x / this.scale, this.top + y / this.scale]; }

  zoom(times, x = this.across / 2, y = this.down / 2) {
    const [column, row] = this.toFrame(x, y);
    this.scale = Math.min(MAX_ZOOM, Math.max(this.smallest, this.scale * times));
    this.isWhole = this.scale === this.smallest;
    if (this.isWhole) return this.fit();
    Object.assign(this, { left: column - x / this.scale, top: row - y / this.scale });
    this.keepInside();
  }

  pan(dx, dy) {
    if (this.isWhole) return;
    this.left -= dx / this.scale;
    this.top -= dy / this.scale;
    this.keepInside();
  }

  // The frame never leaves the window; where it is smaller, it stays in the middle.
  keepInside() {
    const inside = (start, size, shown) => (size <= shown ? (size - shown) / 2 : Math.max(0, Math.min(start, size - shown)));
    this.left = inside(this.left, this.width, this.across / this.scale);
    this.top = inside(this.top, this.height, this.down / this.scale);
  }

  // So that the middle of a box is in view.
  show([top, left, bottom, right]) {
    const [x, y] = this.toPage((left + right) / 2, (top + bottom) / 2);
    if (x > 20 && y > 20 && x < this.across - 20 && y < this.down - 20) return;
    this.pan(this.across / 2 - x, this.down / 2 - y);
  }

  paint(pen, picture) {
    const [x, y] = this.toPage(0, 0);
    pen.imageSmoothingEnabled = this.scale < 2;
    pen.drawImage(picture, x, y, this.width * this.scale, this.height * this.scale);
  }
}
