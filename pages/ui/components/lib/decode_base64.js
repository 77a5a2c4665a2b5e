// Typed array from the base64 text of its bytes. Type: Float32Array or the like.
const unpacked = (text, Type) => {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return new Type(bytes.buffer);
};
