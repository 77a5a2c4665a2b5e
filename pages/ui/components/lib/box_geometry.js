// Boxes [top, left, bottom, right] in whole pixels of the frame, the last two excluded: where they lie, how they change.
const insideFrame = ([top, left, bottom, right], { width, height }) => {
  const down = Math.max(-top, 0) || Math.min(height - bottom, 0), along = Math.max(-left, 0) || Math.min(width - right, 0);
  const moved = [top + down, left + along, bottom + down, right + along];
  return [Math.max(0, moved[0]), Math.max(0, moved[1]), Math.min(height, moved[2]), Math.min(width, moved[3])];
};

// Id of the smallest box that holds a place, '' for none: a small one inside a large one can be taken hold of.
const smallestAt = (boxes, column, row) => {
  let found = '', smallest = Infinity;
  for (const { id, box: [top, left, bottom, right] } of boxes) {
    const area = (bottom - top) * (right - left);
    if (column >= left && column < right && row >= top && row < bottom && area < smallest) [found, smallest] = [id, area];
  }
  return found;
};

// [vertical, horizontal] side of the rectangle's corner at this place, -1 or 1 each; null away from all corners.
const cornerAt = ([x, y, width, height], u, v, reach) => {
  for (const [down, along] of [[-1, -1], [-1, 1], [1, -1], [1, 1]]) {
    const near = Math.abs(u - (along < 0 ? x : x + width)) <= reach && Math.abs(v - (down < 0 ? y : y + height)) <= reach;
    if (near) return [down, along];
  }
  return null;
};

// The box after a drag from one place of the frame to another.
const draggedBox = ({ kind, corner }, box, [fromColumn, fromRow], [column, row], frame) => {
  if (kind === 'draw') {
    const [low, high] = [Math.min(fromRow, row), Math.max(fromRow, row)];
    const [near, far] = [Math.min(fromColumn, column), Math.max(fromColumn, column)];
    return [Math.max(0, Math.floor(low)), Math.max(0, Math.floor(near)), Math.min(frame.height, Math.ceil(high)),
            Math.min(frame.width, Math.ceil(far))];
  }
  const down = Math.round(row - fromRow), along = Math.round(column - fromColumn);
  if (kind === 'move') return insideFrame([box[0] + down, box[1] + along, box[2] + down, box[3] + along], frame);
  const [top, left, bottom, right] = box, [vertical, horizontal] = corner;
  const changed = [vertical < 0 ? top + down : top, horizontal < 0 ? left + along : left,
                   vertical > 0 ? bottom + down : bottom, horizontal > 0 ? right + along : right];
  // A corner that is dragged over the opposite one turns the box around.
  const [a, b, c, d] = changed, turned = [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
  return [Math.max(0, turned[0]), Math.max(0, turned[1]), Math.min(frame.height, turned[2]), Math.min(frame.width, turned[3])];
};
