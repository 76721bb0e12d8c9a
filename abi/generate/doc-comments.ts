/**
 * The `///` comments of a WIT file, by path: `interface`, `interface/item` or `interface/item/member`.
 */
export function docComments(wit: string): Map<string, string> {
  const docs = new Map<string, string>();
  const path: string[] = [];
  let pending: string[] = [];
  let parentheses = 0;
  let declared: string | undefined;
  const tokens = [...wit.matchAll(/\/\/\/ ?(.*)|\/\/.*|([a-z%][a-z0-9:@./-]*)|([{}(),;<>=]|->|:)/g)];
  const keep = (name: string): void => {
    if (pending.length > 0) docs.set([...path, name].join('/'), pending.join('\n').trim());
    pending = [];
  };
  for (const [i, token] of tokens.entries()) {
    const [whole, comment, word, mark] = token;
    if (comment !== undefined) {
      pending.push(comment);
    } else if (mark === '{') {
      const before = tokens[i - 2]?.[2];
      if (declared === undefined || before === '.' || before === 'use') path.push('');
      else path.push(declared);
      declared = undefined;
    } else if (mark === '}') {
      path.pop();
      pending = [];
    } else if (mark === '(' || mark === '<') {
      parentheses++;
    } else if (mark === ')' || mark === '>') {
      parentheses--;
    } else if (word !== undefined && parentheses === 0) {
      if (DECLARES.has(word)) {
        const name = tokens[i + 1]?.[2];
        if (name !== undefined) {
          keep(name);
          declared = name;
        }
      } else if (whole.startsWith('package') || word === 'use') {
        pending = [];
      } else if (pending.length > 0) {
        // The first word behind a comment is the name of its item: a field, a case, or a function.
        keep(word.replace(/:$/, ''));
      }
    }
  }
  return docs;
}

const DECLARES = new Set(['interface', 'record', 'variant', 'enum', 'flags', 'world', 'type']);
