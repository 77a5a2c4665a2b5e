// Keyboard of the whole page: one component at a time gets the keys, wherever the focus is except in a text field.
//
// Contract. The component that was drawn last and is visible owns the keys (window.svpKeyOwner); others stay silent.
// A control that was reached with Tab keeps Enter, Space and the arrows.
// Streamlit may take an element off the page in a run and put a new one there a moment later. Keys that are pressed
// meanwhile are held for the next element of the same name, unless the person does something else first: a click, Tab,
// a shortcut, another address. An element that comes back takes the keys again. While the connection is lost, Streamlit's
// own dialog says so, and keys pass it. While a part of the page is being fetched, React hides all of it: that is no
// reason to lose a key either.
const TEXT_FIELD = 'input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=range]), textarea, '
  + 'select, [contenteditable=""], [contenteditable=true], [role=textbox], [role=combobox]';
const OPEN_OVERLAY = '[role=dialog], [role=menu], [role=listbox], [data-testid=stPopoverBody]';
const DIALOG = '[data-testid=stDialog]';
const CONTROL = 'a[href], button, input, summary, [role=tab], [role=button], [role=radio], [role=switch], [role=option]';
const CONTROL_KEYS = new Set(['Enter', ' ', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']);
const HOLD_MS = 60_000;  // for keys pressed while their element is off the page

const deepActiveElement = () => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
};
const isTextField = element => Boolean(element?.matches?.(TEXT_FIELD));
const isHiddenByReact = element => {
  for (let at = element; at; at = at.parentNode ?? at.host)
    if (at.style?.display === 'none' && at.style.getPropertyPriority('display') === 'important') return true;
  return false;
};
const isConnectionLost = () => !document.querySelector('[data-test-connection-state=CONNECTED]');

class PageKeys {
  // The keys of an element called `name` that has left the page, if the next one may take its place.
  static former(name) {
    const former = window.svpKeyOwner;
    return name && former?.isGone && former.name() === name ? former : null;
  }

  // client: what the keys act on. name() says what that is; an element that takes another one's place has its name;
  // without a name no keys are held. onKey(event) returns whether it used the key. onStatus('on' | 'typing' | 'away')
  // tells when keys start or stop.
  constructor(box, { client = null, name = () => '', onKey, onStatus = () => {} }) {
    Object.assign(this, { box, client, name, onKey, onStatus, tabbed: false, status: null, held: [], abort: null });
    this.claim();
  }

  listen() {
    const abort = (this.abort = new AbortController()), options = { capture: true, signal: abort.signal };
    document.addEventListener('keydown', event => this.handle(event), options);
    document.addEventListener('pointerdown', () => this.isGone ? this.dispose() : (this.tabbed = false), options);
    window.addEventListener('popstate', () => this.isGone && this.dispose(), options);
    for (const type of ['focusin', 'focusout']) document.addEventListener(type, () => this.checkSoon(), options);
    for (const type of ['focus', 'blur', 'pageshow']) window.addEventListener(type, () => this.checkSoon(), options);
  }

  get isGone() { return !this.box.isConnected; }

  get usable() {
    return this.box.isConnected && (this.box.getClientRects().length > 0 || isHiddenByReact(this.box));
  }

  claim() {
    const former = PageKeys.former(this.name());
    if (former && former !== this) {
      this.held.push(...former.held);
      former.dispose();
    }
    if (!this.abort || this.abort.signal.aborted) this.listen();
    window.svpKeyOwner = this;
    this.check();
  }

  // To be called when the element is ready for keys.
  replayHeld() {
    for (const { at, event } of this.held.splice(0)) if (Date.now() - at < HOLD_MS) this.onKey(event);
  }

  hold(event) {
    const { key, shiftKey, repeat } = event, path = event.composedPath(), [target] = path;
    const isLeft = !this.name() || window.svpKeyOwner !== this;
    if (isLeft || key === 'Tab' || event.ctrlKey || event.metaKey || event.altKey) return this.dispose();
    if (event.isComposing || isTextField(target)) return;
    if (path.some(element => element.matches?.(OPEN_OVERLAY) && !element.closest(DIALOG))) return;
    if (this.tabbed && target.matches?.(CONTROL) && CONTROL_KEYS.has(key)) return;
    this.held.push({ at: Date.now(), event: { key, shiftKey, repeat } });
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
    if (this.isGone) return this.hold(event);
    if (event.key === 'Tab') this.tabbed = true;
    if (event.isComposing || !this.usable || !this.owns()) return;
    const path = event.composedPath(), [target] = path, isInside = path.includes(this.box);
    if (isTextField(target)) return;
    if (!isInside) {
      if (path.some(element => element.matches?.(OPEN_OVERLAY) && !element.closest(DIALOG))) return;
      if (document.querySelector(DIALOG) && (event.key === 'Escape' || !isConnectionLost())) return;
      if (target.matches?.('[role=slider], input[type=range]') && CONTROL_KEYS.has(event.key)) return;
    }
    if (this.tabbed && target.matches?.(CONTROL) && CONTROL_KEYS.has(event.key)) return;
    if (!this.onKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}
