// Columns of numbers that other components draw: each is sent once and kept in the window under its name.
export default function ({ data }) {
  if (data) sharedCache('columns').put(data.name, unpacked(data.values, Float32Array), { max: data.max });
}
