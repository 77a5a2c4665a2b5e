// What browser components share: values that one component receives from the server once and others draw from.
//
// Contract. sharedCache('images') maps a name to the object URL of a JPEG; image_cache.js writes it, annotation_grid.js
// and embedding_map.js read it. sharedCache('columns') maps a name to a Float32Array; column_cache.js writes it,
// scattergram.js and embedding_map.js read it. A name stands for one value for good: another value has another name.
// Only the `max` latest names that are not pinned stay. Everything lies in window.svpShared; nothing else is global.
const sharedCache = kind => {
  const caches = (window.svpShared ??= {});
  const cache = (caches[kind] ??= { values: new Map(), pinned: new Set(), listeners: new Map() });
  return {
    get: name => cache.values.get(name),
    has: name => cache.values.has(name),
    // release(value) frees what is dropped.
    put(name, value, { max, pinned = false, release = () => {} }) {
      cache.values.delete(name);
      cache.values.set(name, value);
      if (pinned) cache.pinned.add(name);
      const unpinned = [...cache.values.keys()].filter(other => !cache.pinned.has(other));
      for (const oldest of unpinned.slice(0, Math.max(0, unpinned.length - max))) {
        release(cache.values.get(oldest));
        cache.values.delete(oldest);
      }
      for (const [owner, listener] of [...cache.listeners])
        if (!listener(name) && cache.listeners.get(owner) === listener) cache.listeners.delete(owner);
    },
    // Calls listener(name) after each put, until it returns false; one listener per owner.
    subscribe(owner, listener) {
      cache.listeners.set(owner, listener);
    },
  };
};
