// Gives the tests what a plain script of pages/ui/components/lib defines: the pages join such scripts as text.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../pages/ui/components/lib/', import.meta.url));

// The definitions of these names in `script`, as an object. window: what the script takes for the browser's window.
export const loadScript = (script, names, window = {}) => {
  const source = readFileSync(folder + script, 'utf-8');
  return new Function('window', `${source}\nreturn { ${names.join(', ')} };`)(window);
};
