// A text that this browser remembers, localStorage['svp-lab/NAME']. A text from the server is stored; the stored one is
// told to the server once.
export default function ({ data, parentElement, setStateValue }) {
  const box = parentElement.querySelector('.memory');
  if (!data || !box) return;
  const name = `svp-lab/${data.name}`;
  try {
    if (data.text) localStorage.setItem(name, data.text);
    const stored = localStorage.getItem(name) ?? '';
    if (box.told === stored) return;
    box.told = stored;
    if (stored) setStateValue('stored', stored);
  } catch {
    // The browser's storage is shut off: nothing is remembered.
  }
}
