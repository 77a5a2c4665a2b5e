// Sends a folder to the server in chunks of a few MB, each one after the one before was confirmed.
const CHUNK_BYTES = 4e6;
const RESEND_MS = 20000;
const HINT = 'or drop it here';
const formatCount = count => count.toLocaleString('en');
const isHidden = path => path.split('/').some(part => part.startsWith('.') || part === '__MACOSX');

const toBase64 = blob => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(blob);
});

// [path, File] of every dropped file, folders included recursively.
async function listDropped(transfer) {
  const files = [];
  const walk = async (entry, path) => {
    if (entry.isFile) {
      files.push([path + entry.name, await new Promise((resolve, reject) => entry.file(resolve, reject))]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!entries.length) return;
      for (const inner of entries) await walk(inner, path + entry.name + '/');
    }
  };
  const roots = [...transfer.items].map(item => item.webkitGetAsEntry()).filter(Boolean);
  for (const root of roots) await walk(root, '');
  return files;
}

// Why these files cannot be uploaded, "" when they can.
const refusal = (files, data) => {
  const bytes = files.reduce((sum, [, file]) => sum + file.size, 0);
  if (!files.length) return 'This folder contains no files; choose another one.';
  if (files.length > data.max_count || bytes > data.max_bytes)
    return 'This folder is too large for the browser; enter its path below instead.';
  if (!files.some(([name]) => data.suffixes.some(suffix => name.toLowerCase().endsWith(suffix))))
    return 'There is no image, archive or file of an instrument in it; choose another folder.';
  return '';
};

export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector('.box'), input = box.querySelector('input');
  const status = box.querySelector('.status');
  const S = (box.S ??= { id: null, queue: [], seq: 0, sent: 0, waiting: false });
  const show = (text, isError) => {
    status.textContent = text;
    status.classList.toggle('error', Boolean(isError));
  };

  // A chunk that got lost on the way is sent again.
  const post = () => {
    S.waiting = true;
    setTriggerValue('chunk', S.chunk);
    clearTimeout(S.timer);
    S.timer = setTimeout(post, RESEND_MS);
  };
  const sendNext = async () => {
    const meta = [], parts = [];
    let size = 0;
    while (S.sent + meta.length < S.queue.length && (!meta.length || size < CHUNK_BYTES)) {
      const [name, file] = S.queue[S.sent + meta.length];
      // A file that the browser may not read is sent as an empty one, and listed with that reason.
      const content = await file.arrayBuffer().catch(() => new ArrayBuffer(0));
      parts.push(content);
      meta.push([name, content.byteLength]);
      size += content.byteLength;
    }
    const last = S.sent + meta.length === S.queue.length;
    S.chunk = { id: S.id, seq: S.seq, meta, b64: await toBase64(new Blob(parts)), last };
    post();
  };
  const start = files => {
    S.queue = files.filter(([name]) => !isHidden(name)).sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const reason = refusal(S.queue, data);
    if (reason) return show(reason, true);
    Object.assign(S, { id: Date.now().toString(36) + Math.random().toString(36).slice(2), seq: 0, sent: 0 });
    show(`0 of ${formatCount(S.queue.length)} files`);
    sendNext();
  };

  if (S.waiting && data?.ack && data.ack[0] === S.id && data.ack[1] === S.seq) {
    clearTimeout(S.timer);
    S.waiting = false;
    S.sent += S.chunk.meta.length;
    S.seq += 1;
    show(`${formatCount(S.sent)} of ${formatCount(S.queue.length)} files`);
    if (S.sent < S.queue.length) sendNext();
    else S.queue = [];
  }
  if (S.waiting && data?.refused === S.id) {
    clearTimeout(S.timer);
    S.waiting = false;
    show(data.error || HINT, data.error);
  }

  box.querySelector('button').onclick = () => input.click();
  input.onchange = () => {
    const files = [...input.files].map(file => [file.webkitRelativePath || file.name, file]);
    input.value = '';
    start(files);
  };
  box.ondragover = event => {
    event.preventDefault();
    box.classList.add('over');
  };
  box.ondragleave = () => box.classList.remove('over');
  box.ondrop = async event => {
    event.preventDefault();
    box.classList.remove('over');
    start(await listDropped(event.dataTransfer));
  };
}
