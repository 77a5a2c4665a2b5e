const PIECE_BYTES = 4e6;
const AGAIN_MS = 20000;
const number = count => count.toLocaleString('en');
const isHidden = path => path.split('/').some(part => part.startsWith('.') || part === '__MACOSX');

const asText = blob => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.slice(reader.result.indexOf(',') + 1));
  reader.onerror = () => failed(reader.error);
  reader.readAsDataURL(blob);
});

// [path, File] of everything in what was dropped, folders walked through.
async function listDropped(transfer) {
  const found = [];
  const walk = async (entry, path) => {
    if (entry.isFile) {
      found.push([path + entry.name, await new Promise((done, failed) => entry.file(done, failed))]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return;
      for (const inner of some) await walk(inner, path + entry.name + '/');
    }
  };
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry()).filter(Boolean);
  for (const entry of entries) await walk(entry, '');
  return found;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector('.box'), input = box.querySelector('input');
  const said = box.querySelector('.said');
  const S = (box.S ??= { id: null, queue: [], seq: 0, sent: 0, waiting: false });
  const say = (words, isWrong) => {
    said.textContent = words;
    said.classList.toggle('wrong', !!isWrong);
  };

  // The next piece goes only when the server has confirmed the last; what got lost on the way is sent again.
  const post = () => {
    S.waiting = true;
    setTriggerValue('piece', S.piece);
    clearTimeout(S.again);
    S.again = setTimeout(post, AGAIN_MS);
  };
  const send = async () => {
    const meta = [], parts = [];
    let size = 0;
    while (S.sent + meta.length < S.queue.length && (!meta.length || size < PIECE_BYTES)) {
      const [name, file] = S.queue[S.sent + meta.length];
      // A file that the browser may not read goes as an empty one, and is listed with that reason.
      const content = await file.arrayBuffer().catch(() => new ArrayBuffer(0));
      parts.push(content);
      meta.push([name, content.byteLength]);
      size += content.byteLength;
    }
    const last = S.sent + meta.length === S.queue.length;
    S.piece = { id: S.id, seq: S.seq, meta, b64: await asText(new Blob(parts)), last };
    post();
  };
  const begin = found => {
    S.queue = found.filter(([name]) => !isHidden(name)).sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const bytes = S.queue.reduce((sum, [, file]) => sum + file.size, 0);
    if (!S.queue.length) return say('This folder holds no files; choose another one.', true);
    if (S.queue.length > data.max_count || bytes > data.max_bytes)
      return say('This folder is too large for the browser; give its path below instead.', true);
    Object.assign(S, { id: Date.now().toString(36) + Math.random().toString(36).slice(2), seq: 0, sent: 0 });
    say(`0 of ${number(S.queue.length)} files`);
    send();
  };

  if (S.waiting && data?.ack && data.ack[0] === S.id && data.ack[1] === S.seq) {
    clearTimeout(S.again);
    S.waiting = false;
    S.sent += S.piece.meta.length;
    S.seq += 1;
    say(`${number(S.sent)} of ${number(S.queue.length)} files`);
    if (S.sent < S.queue.length) send();
    else S.queue = [];
  }
  if (S.waiting && data?.refused === S.id) {
    clearTimeout(S.again);
    S.waiting = false;
    say('or drop it here');
  }

  box.querySelector('button').onclick = () => input.click();
  input.onchange = () => {
    const files = [...input.files].map(file => [file.webkitRelativePath || file.name, file]);
    input.value = '';
    begin(files);
  };
  box.ondragover = event => {
    event.preventDefault();
    box.classList.add('over');
  };
  box.ondragleave = () => box.classList.remove('over');
  box.ondrop = async event => {
    event.preventDefault();
    box.classList.remove('over');
    begin(await listDropped(event.dataTransfer));
  };
}
