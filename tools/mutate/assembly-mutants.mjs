import ts from 'typescript';

/**
 * Small wrong changes of an AssemblyScript source, one at a time. Its grammar is TypeScript's, so
 * TypeScript's parser finds the places; Stryker changes TypeScript only where the result is still TypeScript
 * that runs on Node.
 *
 * @typedef {{ from: number, to: number, line: number, original: string, replacement: string, kind: string }}
 * Mutant
 *   `from` and `to` are offsets in the source, in UTF-16 code units; `line` begins at 1
 */

/** Operators, and what each is changed into: its bound moved by one, its sense turned, or its counterpart. */
const OPERATORS = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '==': ['!='],
  '===': ['!=='],
  '!=': ['=='],
  '!==': ['==='],
  '&&': ['||'],
  '||': ['&&'],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '<<': ['>>'],
  '>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '+=': ['-='],
  '-=': ['+='],
  '|=': ['&='],
  '&=': ['|='],
};

/**
 * @param {string} source
 * @returns {Mutant[]} in the order of the source
 */
export function assemblyMutants(source) {
  const file = ts.createSourceFile('piece.ts', source, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TS);
  /** @type {Mutant[]} */
  const mutants = [];
  const add = (kind, from, to, replacement) => {
    const { line } = file.getLineAndCharacterOfPosition(from);
    mutants.push({ kind, from, to, line: line + 1, original: source.slice(from, to), replacement });
  };
  const conditionOf = (node) => {
    if (ts.isIfStatement(node) || ts.isWhileStatement(node)) return node.expression;
    return ts.isConditionalExpression(node) || ts.isForStatement(node) ? node.condition : undefined;
  };
  const visit = (node) => {
    // Texts for people and static tables of names are no behaviour of the frame path.
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return;
    if (ts.isBinaryExpression(node)) {
      const { operatorToken } = node;
      for (const replacement of OPERATORS[operatorToken.getText(file)] ?? [])
        add('operator', operatorToken.getStart(file), operatorToken.end, replacement);
    }
    const condition = conditionOf(node);
    if (condition !== undefined) {
      add('condition', condition.getStart(file), condition.end, 'false');
      // A loop that never ends runs out of fuel, which every test notices.
      if (ts.isIfStatement(node) || ts.isConditionalExpression(node))
        add('condition', condition.getStart(file), condition.end, 'true');
    }
    if (ts.isExpressionStatement(node) && ts.isCallExpression(node.expression) && !isOfBase(node.expression))
      add('removed call', node.getStart(file), node.end, ';');
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
      add('negation', node.getStart(file), node.operand.getStart(file), '');
    ts.forEachChild(node, visit);
  };
  visit(file);
  return mutants.sort((a, b) => a.from - b.from || a.to - b.to);
}

/** `super(…)` cannot be left out. */
function isOfBase(call) {
  return call.expression.kind === ts.SyntaxKind.SuperKeyword;
}
