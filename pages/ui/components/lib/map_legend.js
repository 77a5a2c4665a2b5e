// Legend of a map: one button per label with its marker and count; a click hides or shows it.
const paintMapLegend = (container, entries, hidden, onChange) => {
  const svgNamespace = 'http://www.w3.org/2000/svg';
  container.replaceChildren(...entries.map(({ name, count, colour, marker, hollow }) => {
    const button = document.createElement('button');
    const svg = document.createElementNS(svgNamespace, 'svg'), path = document.createElementNS(svgNamespace, 'path');
    path.setAttribute('d', 'M5 5' + marker);
    path.setAttribute(hollow ? 'stroke' : 'fill', colour);
    if (hollow) path.setAttribute('fill', 'none');
    svg.setAttribute('viewBox', '0 0 10 10');
    svg.setAttribute('aria-hidden', 'true');
    svg.append(path);
    button.type = 'button';
    button.title = 'Hide or show';
    button.append(svg, `${name} (${count.toLocaleString('en')})`);
    button.setAttribute('aria-pressed', !hidden.has(name));
    button.onclick = () => {
      if (!hidden.delete(name)) hidden.add(name);
      onChange();
    };
    return button;
  }));
};
