// Decisions on their way to the server: kept in the browser's storage until the server has confirmed them, so that a
// lost connection, a dead server or a closed tab loses none. Every message carries all that is not yet confirmed.
//
// Contract. One entry per decision, localStorage['svp-review/REVIEW/TAB/N'] = JSON of the event; (tab, n) names it for
// good. The server tells the last n it has written per tab.
const memoryStorage = () => {
  const entries = new Map();
  return { setItem: (name, text) => entries.set(name, text), getItem: name => entries.get(name) ?? null,
           removeItem: name => entries.delete(name), names: () => [...entries.keys()] };
};
// Where the browser's storage is shut off, memory: then only what is on its way could be lost.
const browserStorage = () => {
  try {
    localStorage.setItem('svp-probe', '1');
    localStorage.removeItem('svp-probe');
    return localStorage;
  } catch {
    return memoryStorage();
  }
};

class DecisionOutbox {
  constructor(review) {
    this.storage = browserStorage();
    this.prefix = `svp-review/${review}/`;
    this.tab = Date.now().toString(36) + Math.random().toString(36).slice(2, 8);
    this.n = 0;
    this.onlyOf = null;  // a reviewer: others' decisions wait until they are here again; null: all are sent
  }

  names() {
    const all = this.storage.names ? this.storage.names() : Object.keys(this.storage);
    return all.filter(name => name.startsWith(this.prefix));
  }

  pending() {
    const all = this.names().map(name => JSON.parse(this.storage.getItem(name)));
    return this.onlyOf === null ? all : all.filter(event => event.reviewer === this.onlyOf);
  }

  add(event) {
    const whole = { tab: this.tab, n: ++this.n, ...event };
    this.storage.setItem(`${this.prefix}${whole.tab}/${whole.n}`, JSON.stringify(whole));
    return whole;
  }

  // lastWritten: tab -> n of its last decision that the server has written.
  confirm(lastWritten) {
    for (const { tab, n } of this.pending())
      if (n <= (lastWritten[tab] ?? 0)) this.storage.removeItem(`${this.prefix}${tab}/${n}`);
  }
}
