// JPEGs that other components draw from: each is sent once and kept in the window under its name.
export default function ({ data }) {
  if (!data) return;
  const images = sharedCache('images');
  if (images.has(data.name)) return;
  const bytes = Uint8Array.from(atob(data.jpeg), letter => letter.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' }));
  images.put(data.name, url, { max: data.max, pinned: data.pinned, release: URL.revokeObjectURL });
}
