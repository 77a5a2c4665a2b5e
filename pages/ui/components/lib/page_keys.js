// Keyboard of the whole page: one component at a time gets the keys, wherever the focus is except in a text field.
//
// Contract. The component that was drawn last and is visible owns the keys (window.svpKeyOwner); others and elements
// that have left the page stay silent. A control that was reached with Tab keeps Enter, Space and the arrows.
const TEXT_FIELD = 'input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=range]), textarea, '
  + 'select, [contenteditable=""], [contenteditable=true], [role=textbox], [role=combobox]';
const OPEN_OVERLAY = '[role=dialog], [role=menu], [role=listbox], [data-testid=stPopoverBody]';
const CONTROL = 'a[href], button, input, summary, [role=tab], [role=button], [role=radio], [role=switch], [role=option]';
const CONTROL_KEYS = new Set(['Enter', ' ', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']);

const deepActiveElement = () => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
};
const isTextField = element => Boolean(element?.matches?.(TEXT_FIELD));

class PageKeys {
  // onKey(event) returns whether it used the key. onStatus('on' | 'typing' | 'away') tells when keys start or stop.
  constructor(box, onKey, onStatus) {
    Object.assign(this, { box, onKey, onStatus, tabbed: false, status: null });
    const abort = (this.abort = new AbortController()), options = { capture: true, signal: abort.signal };
    document.addEventListener('keydown', event => this.handle(event), options);
    document.addEventListener('pointerdown', () => { this.tabbed = false; }, options);
    for (const type of ['focusin', 'focusout']) document.addEventListener(type, () => this.checkSoon(), options);
    for (const type of ['focus', 'blur', 'pageshow']) window.addEventListener(type, () => this.checkSoon(), options);
    this.claim();
  }

  get usable() { return this.box.isConnected && this.box.getClientRects().length > 0; }

  claim() {
    window.svpKeyOwner = this;
    this.check();
  }

  dispose() {
    this.abort.abort();
    if (window.svpKeyOwner === this) window.svpKeyOwner = null;
  }

  // Between two elements the focus is nowhere for a moment.
  checkSoon() { setTimeout(() => this.check(), 0); }

  check() {
    if (!this.box.isConnected) return;
    const status = !document.hasFocus() ? 'away' : isTextField(deepActiveElement()) ? 'typing' : 'on';
    if (status === this.status) return;
    this.status = status;
    this.onStatus(status);
  }

  owns() {
    const owner = window.svpKeyOwner;
    if (owner !== this && owner?.usable) return false;
    window.svpKeyOwner = this;
    return true;
  }

  handle(event) {
    if (!this.box.isConnected) return this.dispose();
    if (event.key === 'Tab') this.tabbed = true;
    if (event.isComposing || !this.usable || !this.owns()) return;
    const path = event.composedPath(), [target] = path, isInside = path.includes(this.box);
    if (isTextField(target)) return;
    if (!isInside) {
      if (path.some(element => element.matches?.(OPEN_OVERLAY)) || document.querySelector('[data-testid=stDialog]')) return;
      if (target.matches?.('[role=slider], input[type=range]') && CONTROL_KEYS.has(event.key)) return;
    }
    if (this.tabbed && target.matches?.(CONTROL) && CONTROL_KEYS.has(event.key)) return;
    if (!this.onKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}
