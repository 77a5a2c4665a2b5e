// Pictures that another part of the page draws from: sent once, kept in the window under their name.
export default function ({ data }) {
  if (!data) return;
  const kept = (window.svpPictures ??= new Map());
  if (kept.has(data.name)) return;
  const bytes = Uint8Array.from(atob(data.jpeg), letter => letter.charCodeAt(0));
  kept.set(data.name, URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' })));
  const staying = (window.svpPicturesStaying ??= new Set());
  if (data.stays) staying.add(data.name);
  for (const name of [...kept.keys()].filter(name => !staying.has(name)).slice(0, -data.most)) {
    URL.revokeObjectURL(kept.get(name));
    kept.delete(name);
  }
  window.dispatchEvent(new CustomEvent('svp-picture', { detail: data.name }));
}
