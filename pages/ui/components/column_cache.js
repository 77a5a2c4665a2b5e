// Numbers that other parts of the page draw: sent once, kept in the window under their name.
export default function ({ data }) {
  if (!data) return;
  const kept = (window.svpColumns ??= new Map());
  kept.delete(data.name);
  kept.set(data.name, unpacked(data.values, Float32Array));
  for (const name of [...kept.keys()].slice(0, -data.most)) kept.delete(name);
  window.dispatchEvent(new CustomEvent('svp-column', { detail: data.name }));
}
